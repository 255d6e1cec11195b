"""Decides from the evidence of one document and one item whether the document holds the item. Tuned on half of the items; see
docs/decontamination.md.
"""

from dataclasses import dataclass

OVERLAP = 0.8  # least share of the information of a part that must stand in the document
SHORT_WORDS = 12  # of a shorter part, SHORT_OVERLAP
SHORT_OVERLAP = 0.97
ASK_SHARE = 0.6  # least share of the words of its last sentence, and of those outside quotations, which may be public text
QUESTION_WORDS = 6  # a shorter question needs its answer or its passage beside it
QUESTION_BITS = 30.0  # so does one of so common words
SHORTEST_WORDS, SHORTEST_BITS = 5, 34.0  # a question of five words may stand alone if they are rarer
WITH_ANSWER_BITS = 40.0  # of the question and what stands beside it
WINDOW_BITS = 7.0  # by which words count less that may stand anywhere near the question: log2 of about 150 places
PASSAGE_SHARE = 0.5  # of a passage near its question
ANSWER_SHARE = 0.6  # of an answer near its question
SOLUTION_BITS = 120.0  # of an answer that stands alone

QUESTION, ANSWER, BOTH = "question", "answer", "both"


@dataclass(frozen=True)
class Evidence:
    """What of an item stands in a document."""

    is_question: bool  # the part that was found; else it is an answer of many words
    words: int  # of the part
    overlap: float  # share of the part's information, words common in the corpus weighed down
    bits: float  # information of its words in the document, as common in the corpus as they may be
    ask_share: float  # of the words of its last sentence, or of those outside quotations; the lower one
    answer_share: float  # of the answer near a question
    answer_bits: float
    passage_share: float  # of the passage near it
    passage_bits: float
    has_passage: bool
    items: int  # that have this part

    @property
    def form(self) -> str:
        """What stands in the document."""
        if not self.is_question:
            return ANSWER
        return BOTH if self.answer_share >= ANSWER_SHARE else QUESTION

    @property
    def contaminated(self) -> bool:
        """Whether this is the item, and not a part of it that stands elsewhere too."""
        if self.overlap < (SHORT_OVERLAP if self.words < SHORT_WORDS else OVERLAP) or self.ask_share < ASK_SHARE:
            return False
        if not self.is_question:
            return self.bits >= SOLUTION_BITS
        near = 0.0
        if self.answer_share >= ANSWER_SHARE:
            near += max(0.0, self.answer_bits - WINDOW_BITS)
        if self.passage_share >= PASSAGE_SHARE:
            near += self.passage_bits
        if near and self.bits + near >= WITH_ANSWER_BITS:
            return True
        alone = (self.words >= QUESTION_WORDS and self.bits >= QUESTION_BITS) or (
            self.words >= SHORTEST_WORDS and self.bits >= SHORTEST_BITS
        )
        return alone and not (self.has_passage and self.items > 1)

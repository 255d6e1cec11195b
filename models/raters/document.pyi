from enum import IntFlag

class CutLimits(IntFlag):
    LIMIT = 2100
    HEAD = 1400
    TAIL = 650

class CharacterClass(IntFlag):
    OTHER = 0
    SPACE = 1
    NEWLINE = 2
    LETTER = 3
    DIGIT = 4
    PUNCTUATION = 5
    SYMBOL = 6
    IDEOGRAPH = 7

"""How much of a document the student reads, and the classes of its characters. The declarations are in `document.pxd`.

A document longer than `LIMIT` code points is cut: its first `HEAD` code points, ` [...] ` and its last `TAIL` remain. An
ideograph is a word of its own; kana, Thai and Khmer letters count as ideographs.
"""

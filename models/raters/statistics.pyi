from enum import IntFlag

class Statistic(IntFlag):  # more are named in statistics.pxd
    CHARS_LOG = 0
    STATISTICS = 93

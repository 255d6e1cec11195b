SPARE: int

"""One rule or one job per file: a pure kernel on a RecordBatch, then a thin transform. May import models, schemas."""

"""One job per file: a pure kernel on a RecordBatch, and the Stage object that describes it. May import models and schemas."""

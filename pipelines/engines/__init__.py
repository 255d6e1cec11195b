"""Running on Spark, Flink, Prism and Dataflow: flags, programs, workers, and checks of what an engine needs."""

"""The versions of all programs that were tested. Beam's own version is that of the installed apache-beam."""

PRISM = "v2.77.0"
"""Version of the Go module github.com/apache/beam/sdks/v2, equal to the version of the Python SDK."""

BEAM_JAVA = "2.70.0"
BEAM_JOB_SERVICE = "2.65.0"
SPARK = "3.5.0"
SCALA = "2.12"
FLINK = "1.19"
"""The newest Java runners that were tested with the Python SDK 2.77.0, as plain libraries from Maven Central."""

JAVA = (11, 17)
"""Java versions that Spark 3.5 and Flink 1.19 support."""

JARS_SHA256 = {
    "SparkRunner": "1c5e17b7f217b448cd02a3ea3ff8a4556c8bf4d3e0a1cc7733e9dee04eeda53b",
    "FlinkRunner": "e75d59f34c4be2ebe9e3e43361f70b70eb2bf54dda05a637c038cd720a789fc6",
}
"""Hash over the names and SHA-256 of all jars that these versions resolve to (260 and 162)."""

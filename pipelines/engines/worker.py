"""`curricle-worker`: the program that an engine starts, with Beam's arguments, as a Python worker on its machine.

It installs nothing. The worker uses this environment's Python and packages, whatever the engine's working directory is.
The contract is defined in Apache Beam, sdks/python/container/boot.go.
"""

import argparse
import os
import sys


def main() -> None:
    """Ask the engine for the job's options, then serve it until it closes the connection."""
    parser = argparse.ArgumentParser(description="Started by Spark, Flink or Prism, not by a person.")
    parser.add_argument("--id", required=True)
    for name in ("provision", "control", "logging", "artifact"):
        parser.add_argument(f"--{name}_endpoint")
    given, _ = parser.parse_known_args(
        [argument.replace("'", "") for argument in sys.argv[1:]]
    )  # Prism puts quotes around the id

    os.environ["WORKER_ID"] = given.id  # Beam reads it at import; without it no log lines arrive
    import grpc
    from apache_beam.portability.api import beam_provision_api_pb2, beam_provision_api_pb2_grpc, endpoints_pb2
    from apache_beam.runners.worker import sdk_worker_main
    from google.protobuf import json_format, text_format

    with grpc.insecure_channel(given.provision_endpoint) as channel:
        ask = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel).GetProvisionInfo
        info = ask(beam_provision_api_pb2.GetProvisionInfoRequest(), metadata=[("worker_id", given.id)]).info

    def descriptor(url: str) -> str:
        return text_format.MessageToString(endpoints_pb2.ApiServiceDescriptor(url=url))

    os.environ |= {
        "PIPELINE_OPTIONS": json_format.MessageToJson(info.pipeline_options),
        "LOGGING_API_SERVICE_DESCRIPTOR": descriptor(given.logging_endpoint or info.logging_endpoint.url),
        "CONTROL_API_SERVICE_DESCRIPTOR": descriptor(given.control_endpoint or info.control_endpoint.url),
        "RUNNER_CAPABILITIES": " ".join(info.runner_capabilities),
    }
    if info.HasField("status_endpoint"):
        os.environ["STATUS_API_SERVICE_DESCRIPTOR"] = descriptor(info.status_endpoint.url)
    sdk_worker_main.main([])

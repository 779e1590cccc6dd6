"""Generated messages of the kubelet's PodResources v1; never edited, and a test compares them with the .proto file.

To regenerate, from the repository root, so that the modules import one another by their full names:

    python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. exporter/sources/podresources_v1/podresources_v1.proto

There is no generated service: one method is called, and the generated one would ask for the very newest grpcio.
"""

"""Adds to the package what is not under this folder: messages from the contracts in proto/, the published retry policy, and the
version. In a source distribution, all of it stands beside this file."""

import atexit
import os
import pathlib
import re
import shutil
import sys
import tempfile

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = pathlib.Path(__file__).resolve().parent
IN_REPOSITORY = (HERE / "../CMakeLists.txt").is_file() and (HERE / "../../proto/roberta").is_dir()
PROTO = (HERE / "../../proto").resolve() if IN_REPOSITORY else HERE / "proto"
SERVICE_CONFIG = (HERE / "../service_config.json").resolve() if IN_REPOSITORY else HERE / "service_config.json"
CONTRACTS = ("google/rpc/error_details.proto", "google/rpc/status.proto", "grpc/health/v1/health.proto",
             "roberta/v1/classifier.proto", "roberta/v1/profiles.proto")


def version():
    if IN_REPOSITORY:
        return re.search(r"^project\(\S+ VERSION (\S+)", (HERE / "../../CMakeLists.txt").read_text(), re.MULTILINE)[1]
    return re.search(r"^Version: (\S+)", (HERE / "PKG-INFO").read_text(), re.MULTILINE)[1]


def generate(package):
    """Writes the contracts into the package `package`: descriptors, of which _protos makes classes, and their types for checkers.

    There is no generated code in it. That would demand a protobuf as new as the protoc that happened to be there, and would
    register google/rpc/status.proto for the whole process, where other packages have a file of that name.
    """
    import grpc_tools
    from grpc_tools import protoc
    target = package / "_protos"
    target.mkdir(parents=True, exist_ok=True)
    include = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    with tempfile.TemporaryDirectory() as scratch:
        arguments = ["protoc", f"-I{PROTO}", f"-I{include}", "--include_imports",
                     f"--descriptor_set_out={target / 'descriptors.binpb'}", f"--pyi_out={scratch}", *CONTRACTS]
        if protoc.main(arguments) != 0:
            sys.exit("protoc failed: " + " ".join(arguments))
        for contract in CONTRACTS:
            types = pathlib.Path(scratch, contract.replace(".proto", "_pb2.pyi")).read_text()
            types = re.sub(r"^from (?:google\.rpc|roberta\.v1) import", "from roberta_serve._protos import", types, flags=re.MULTILINE)
            types = types.replace("_Mapping]", "_Mapping[str, object]]")  # mypy --strict wants to know of what
            name = pathlib.Path(contract).stem + "_pb2"
            (target / f"{name}.pyi").write_text(types)
            (target / f"{name}.py").write_text(f'from roberta_serve._protos import export\n\nexport("{contract}", globals())\n')
    shutil.copyfile(SERVICE_CONFIG, package / "service_config.json")


class BuildWithContracts(build_py):
    def run(self):
        super().run()
        generate(HERE / "roberta_serve" if getattr(self, "editable_mode", False) else pathlib.Path(self.build_lib, "roberta_serve"))


class SourceWithContracts(sdist):
    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        for contract in CONTRACTS:
            copy = pathlib.Path(base_dir, "proto", contract)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PROTO / contract, copy)
        shutil.copyfile(SERVICE_CONFIG, pathlib.Path(base_dir, "service_config.json"))


# Builds leave nothing here, so that two of them at a time do not meet.
scratch = tempfile.mkdtemp(prefix="roberta-serve-")
atexit.register(shutil.rmtree, scratch, ignore_errors=True)
setup(version=version(), cmdclass={"build_py": BuildWithContracts, "sdist": SourceWithContracts},
      options={"build": {"build_base": os.path.join(scratch, "build")}, "egg_info": {"egg_base": scratch}})

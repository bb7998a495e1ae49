"""What is in the images, and what is not."""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from job.catalogue import DATASET_IDS
from stacks.images import inputs
from tests.containers.conftest import CONFINED, ROOT, Engine, make, one_at_a_time

ENTRY_POINT_CPU_SECONDS = 6.0
CPU_IMAGE_BYTES = 650e6
GPU_IMAGE_BYTES = 2.2e9
# What the small and the larger GPU types of the platform compute with: T4, A10G, L4.
ARCHITECTURES = ("75", "86", "89")


def test_an_image_says_what_it_is_and_runs_as_nobody_special(engine: Engine, either_image: str) -> None:
    config = engine.inspect(either_image)["Config"]
    assert config["User"] == "1000:1000"
    assert config["Entrypoint"] == ["ldp"]
    assert config["Cmd"] == ["--help"]
    assert config["WorkingDir"] == "/workspace"
    labels = config["Labels"]
    (version,) = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert labels["org.opencontainers.image.version"] == version
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert labels["org.opencontainers.image.revision"].removesuffix("-dirty") == (head.stdout.strip() or "unknown")


def test_the_cpu_image_is_no_larger_than_promised(
    engine: Engine, cpu_image: str, record_property: Callable[[str, str], None]
) -> None:
    size = engine.inspect(cpu_image)["Size"]
    record_property("figures", f"the CPU image: {size / 1e6:.0f} MB")
    assert size <= CPU_IMAGE_BYTES


def test_the_project_is_a_small_layer_on_a_large_one_that_stays(engine: Engine, either_image: str) -> None:
    sizes = engine("history", "--no-trunc", "--human=false", "--format", "{{.Size}} {{.CreatedBy}}", either_image)
    copied = [int(line.split()[0]) for line in sizes.stdout.splitlines() if "COPY /application/opt/ldp" in line]
    assert len(copied) == 1
    assert copied[0] < 5e6


def test_an_image_has_no_compiler_no_caches_and_nothing_of_the_platform(engine: Engine, either_image: str) -> None:
    look = """
import glob, importlib.util, os, shutil
print([tool for tool in ("cc", "gcc", "g++", "c++", "cpp", "as", "ld", "clang", "nvcc", "make", "git",
       "node", "npm") if shutil.which(tool)])
print([m for m in ("aws_cdk", "boto3", "moto", "pytest", "stacks", "tests", "pip") if importlib.util.find_spec(m)])
print([path for pattern in ("/root/.cache/*", "/root/.aws", "/src", "/application", "/workspace/*",
       "/var/lib/apt/lists/*", "/opt/ldp/bin/pip*") for path in glob.glob(pattern)])
packages, = glob.glob("/opt/ldp/lib/python3.*/site-packages")
print([path for path, folders, _ in os.walk(packages) if os.path.basename(path) in ("tests", "test")])
"""
    said = engine.python(either_image, look, "--user", "0").stdout  # root: who else could see /root?
    assert said.splitlines() == ["[]"] * 4


def test_an_image_that_is_asked_about_the_platform_says_where_to_ask(engine: Engine, either_image: str) -> None:
    done = engine("run", "--rm", *CONFINED, "--network", "none", either_image, "cloud", "image", check=False)
    assert done.returncode == 1
    assert "ldp cloud needs boto3" in done.stderr
    assert "pip install boto3" in done.stderr


def test_an_image_holds_nothing_secret(engine: Engine, either_image: str) -> None:
    suspicious = re.compile(r"(?i)secret|token|passw|api_?key|AKIA[0-9A-Z]{12}|://[^/ ]*@|index-url|PRIVATE KEY")
    history = engine("history", "--no-trunc", "--format", "{{.CreatedBy}}", either_image).stdout
    environment = "\n".join(engine.inspect(either_image)["Config"]["Env"])
    assert suspicious.findall(history + environment) == []
    look = (
        "import os; names = {'.netrc', '.pypirc', '.git', '.env', 'credentials', 'id_rsa', 'id_ed25519'};"
        "print(sorted(os.path.join(p, n) for p, d, f in os.walk('/', onerror=None)"
        " if not p.startswith(('/proc', '/sys', '/dev')) for n in (*d, *f) if n in names))"
    )
    assert engine.python(either_image, look, "--user", "0").stdout.strip() == "[]"


def test_nothing_in_an_image_is_compiled_at_its_start(engine: Engine, either_image: str) -> None:
    look = """
import glob, importlib.util, os
packages, = glob.glob("/opt/ldp/lib/python3.*/site-packages")
sources = [os.path.join(p, n) for p, _, names in os.walk(packages) for n in names if n.endswith(".py")]
missing = [s for s in sources if not os.path.exists(importlib.util.cache_from_source(s))]
kinds = {open(importlib.util.cache_from_source(s), "rb").read(8)[4] for s in sources if s not in missing}
print(len(sources) > 1000, missing, kinds)
"""
    # 1: never compared with the source.
    assert engine.python(either_image, look).stdout.strip() == "True [] {1}"


@pytest.mark.parametrize("command", [["--version"], ["ldp", "--version"]])
def test_the_command_may_begin_with_ldp_or_not(command: list[str], engine: Engine, either_image: str) -> None:
    assert engine("run", "--rm", either_image, *command).stdout.startswith("ldp 0.")


def test_the_first_log_line_comes_soon_and_says_what_computes_and_where(
    engine: Engine,
    cpu_image: str,
    record_property: Callable[[str, str], None],
) -> None:
    look = """
import json, os, subprocess
ldp = subprocess.Popen(["ldp", "experiment", "run"], stderr=subprocess.PIPE, text=True)
line = json.loads(ldp.stderr.readline())
times = open(f"/proc/{ldp.pid}/stat").read().rsplit(")", 1)[1].split()[11:15]
ldp.kill()
print(json.dumps({"line": line, "cpu": sum(map(int, times)) / os.sysconf("SC_CLK_TCK")}))
"""
    found = json.loads(engine.python(cpu_image, look).stdout)
    record_property("figures", f"from the entry point to the first log line: {found['cpu']:.1f} s of CPU time")
    assert found["cpu"] <= ENTRY_POINT_CPU_SECONDS
    line = found["line"]
    assert {"event": "environment", "device": "cpu", "storage": "/workspace"}.items() <= line.items()
    assert re.match(r"ldp 0\.\S+ on cpu; numpy 2\..*, xgboost 3\.\S+; storage /workspace$", line["message"])
    assert set(line["versions"]) == {"numpy", "scikit-learn", "imbalanced-learn", "lightgbm", "xgboost"}
    assert "missing" not in line["versions"].values()


def test_the_build_reads_what_the_tag_is_made_from_and_nothing_else(engine: Engine) -> None:
    done = subprocess.run(
        [engine.command, "build", "--quiet", "--output", "-", "-f", "-", "."],
        cwd=ROOT,
        input=b"FROM scratch\nCOPY . /\n",
        capture_output=True,
        check=True,
    )
    with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
        read = {Path(member.name).as_posix() for member in archive if member.isfile()}
    described = {".dockerignore", "Dockerfile.cpu", "Dockerfile.gpu"}
    assert read == {*inputs("cpu"), *inputs("gpu")} - described


@pytest.mark.parametrize("mode", ["cpu", "gpu"])
def test_the_bill_of_materials_lists_what_is_in_the_image(
    mode: str, engine: Engine, shared: Path, request: pytest.FixtureRequest
) -> None:
    image = request.getfixturevalue(f"{mode}_image")
    with one_at_a_time(shared, "sbom"):
        make(engine, "sbom")
    bill = json.loads((ROOT / f"build/sbom-{mode}.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "ldp"
    look = (
        "from importlib.metadata import distributions;"
        "print(*{f'{d.name}=={d.version}'.lower().replace('_', '-') for d in distributions() if d.name != 'ldp'})"
    )
    installed = set(engine.python(image, look).stdout.split())
    assert {f"{one['name']}=={one['version']}".lower().replace("_", "-") for one in bill["components"]} == installed
    assert all(one["externalReferences"][0]["hashes"] for one in bill["components"])


def test_every_package_of_an_image_can_be_imported(engine: Engine, either_image: str) -> None:
    look = """
import importlib, warnings
from importlib.metadata import packages_distributions
warnings.simplefilter("ignore")
names = sorted(name for name in packages_distributions() if name.isidentifier() and not name.startswith("_"))
for name in names:
    importlib.import_module(name)
print(*names)
"""
    imported = set(engine.python(either_image, look).stdout.split())
    assert {"imblearn", "job", "lightgbm", "numpy", "obstore", "pandas", "pyarrow", "sklearn", "xgboost"} <= imported


@pytest.mark.parametrize("mode", ["cpu", "gpu"])
def test_another_base_image_can_be_named(mode: str, engine: Engine) -> None:
    base = "--build-arg=BASE_IMAGE=localhost:1/no-such-base"
    done = engine("build", "-f", f"Dockerfile.{mode}", base, ".", check=False)
    assert done.returncode
    assert "localhost:1/no-such-base" in done.stdout + done.stderr
    lines = (ROOT / f"Dockerfile.{mode}").read_text().splitlines()
    assert "ARG BASE_IMAGE=python:3.12-slim-bookworm" in lines


def test_what_computes_on_a_gpu_is_there_and_can_be_loaded_without_one(engine: Engine, gpu_image: str) -> None:
    look = """
import json
import cupy, lightgbm, numpy, xgboost
from cuda.pathfinder import load_nvidia_dynamic_lib
libraries = ("cudart", "nvrtc", "cublas", "cublasLt")
print(json.dumps({
    "a GPU is found": cupy.is_available(),
    "xgboost": xgboost.build_info()["USE_CUDA"],
    "libraries": [load_nvidia_dynamic_lib(name).abs_path for name in libraries],
    "icd": open("/etc/OpenCL/vendors/nvidia.icd").read().strip(),
}))
try:
    data = lightgbm.Dataset(numpy.arange(100.0).reshape(100, 1), numpy.arange(100) % 2)
    lightgbm.train({"device_type": "gpu", "verbose": -1}, data, 1)
except lightgbm.basic.LightGBMError as error:
    print(error)
import ctypes; ctypes.CDLL("libOpenCL.so.1")
"""
    found, refusal = engine.python(gpu_image, look).stdout.splitlines()
    said = json.loads(found)
    assert said["a GPU is found"] is False
    assert said["xgboost"] is True
    assert all(path.startswith("/opt/ldp/") for path in said["libraries"])
    assert said["icd"] == "libnvidia-opencl.so.1"
    assert refusal == "No OpenCL device found", "it was built with OpenCL, and looks for a device"
    variables = dict(one.split("=", 1) for one in engine.inspect(gpu_image)["Config"]["Env"])
    assert variables["NVIDIA_VISIBLE_DEVICES"] == "all"
    assert variables["NVIDIA_DRIVER_CAPABILITIES"] == "compute,utility"


def test_the_gpu_image_goes_without_the_libraries_that_nothing_loads(engine: Engine, gpu_image: str) -> None:
    """Only CuPy's own modules for them link them, and neither CuPy nor the array namespace over it imports those."""
    look = """
import json, os, re, sys
packages = next(path for path in sys.path if path.endswith("site-packages"))
native = [os.path.join(p, n) for p, _, names in os.walk(packages) for n in names if re.search(r"[.]so([.]|$)", n)]
print(json.dumps(sorted({os.path.basename(path) for path in native if path.startswith(packages + "/nvidia/")})))
left_out = re.compile(rb"lib(?:cufft|curand|cusolver|cusparse|cutensor|nvJitLink|nccl)[.]so")
linking = sorted(os.path.relpath(path, packages).split(".")[0] for path in native
                 if not path.startswith(packages + "/nvidia/") and b"xgboost" not in path.encode()
                 and left_out.search(open(path, "rb").read()))
print(json.dumps(linking))
import array_api_compat.cupy, cupy, lightgbm, xgboost
import job.arrays, job.data.processing, job.training.comparing, job.training.fitting, job.training.on_gpu
from cupy.cuda import thrust
from cupy_backends.cuda.libs import cublas, nvrtc
loaded = {name.replace(".", "/") for name in sys.modules}
print(json.dumps(sorted(set(linking) & loaded)))
print(json.dumps(sorted({line.split()[-1] for line in open("/proc/self/maps") if "libcublas.so" in line}) != []))
"""
    present, linking, loaded, cublas = map(json.loads, engine.python(gpu_image, look).stdout.splitlines())
    kept = {re.split(r"[.]so", name)[0] for name in present}
    assert {"libcublas", "libcublasLt", "libcudart", "libnvrtc"} <= kept
    assert not [name for name in kept if any(word in name for word in ("cufft", "curand", "cusol", "cusparse", "nccl"))]
    assert "cupy_backends/cuda/libs/cusolver" in linking, "what links one is found"
    assert all(name.startswith(("cupy", "cupyx")) for name in linking)
    assert loaded == []
    assert cublas is True


def test_the_gpu_image_is_no_larger_than_promised(
    engine: Engine, gpu_image: str, record_property: Callable[[str, str], None]
) -> None:
    size = engine.inspect(gpu_image)["Size"]
    record_property("figures", f"the GPU image: {size / 1e6:,.0f} MB")
    assert size <= GPU_IMAGE_BYTES


def test_the_gpu_image_can_compile_kernels_for_the_platforms_gpus(engine: Engine, gpu_image: str) -> None:
    look = f"""
import os, cupy
from cupy_backends.cuda.libs import nvrtc
from cuda.pathfinder import load_nvidia_dynamic_lib
headers = os.path.join(cupy.__path__[0], "_core", "include")
cccl = os.path.join(headers, "cupy", "_cccl")
cuda = os.path.join(os.path.dirname(load_nvidia_dynamic_lib("cudart").abs_path), "..", "include")
folders = [headers, cuda, *(os.path.join(cccl, name) for name in ("libcudacxx", "thrust", "cub"))]
source = '''
#include <cupy/complex.cuh>
#include <cupy/carray.cuh>
#include <cuda_fp16.h>
extern "C" __global__ void f(float* x) {{ x[0] = thrust::abs(thrust::complex<float>(x[0], 1)); }}
'''
for architecture in {ARCHITECTURES}:
    program = nvrtc.createProgram(source, "f.cu", (), ())
    nvrtc.compileProgram(program, ("-std=c++17", f"-arch=compute_{{architecture}}", *(f"-I{{one}}" for one in folders)))
    print(f".target sm_{{architecture}}" in str(nvrtc.getPTX(program)))
"""
    assert engine.python(gpu_image, look).stdout.split() == ["True"] * len(ARCHITECTURES)


def test_the_images_know_every_dataset(engine: Engine, either_image: str) -> None:
    listed = json.loads(engine("run", "--rm", either_image, "data", "list", "--json").stdout)
    assert {one["dataset"] for one in listed} == set(DATASET_IDS)

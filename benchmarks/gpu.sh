#!/bin/sh
# Everything that needs an NVIDIA GPU, in about ten minutes: make gpu
#
# tests/gpu: the same results as on the CPU, resumption to the bit, captured steps, mixed precision, out of memory.
# tests/seqcore/training: the training suite, whose device "auto" is the GPU here.
# benchmark: steps of small models, captured, beside a plain loop on cuDNN.
# The parts run one after the other, also where one fails; the exit code is 1 if any did.

PY=${PY:-.venv/bin/python}
export OMP_NUM_THREADS=1 CUBLAS_WORKSPACE_CONFIG=:4096:8

$PY - <<'END' || { echo "no NVIDIA GPU here: nothing was run"; exit 0; }
import sys
import torch

if not torch.cuda.is_available():
    sys.exit(1)
print(torch.cuda.get_device_name(), "torch", torch.__version__, "CUDA", torch.version.cuda, "cuDNN", torch.backends.cudnn.version())
END

failed=""
part() {
    name=$1
    shift
    echo "== $name"
    timeout 240 "$@" || failed="$failed $name"
}

part tests-gpu $PY -m pytest -q tests/gpu
part training-suite $PY -m pytest -q -n 4 tests/seqcore/training
part benchmark $PY benchmarks/benchmark.py --only gpu --rounds 5

[ -z "$failed" ] && echo "all parts passed" && exit 0
echo "failed:$failed"
exit 1

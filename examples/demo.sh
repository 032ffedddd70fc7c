#!/usr/bin/env bash
# The main job, on real handwritten digits: `make demo` runs this. Every command is one that you can type yourself.
#     bash examples/demo.sh [FOLDER]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${1:-out/demo}
rm -rf "$out/run"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"   # so small a network is fastest on one thread

bold=$([ -t 1 ] && printf '\033[1m' || true)
plain=$([ -t 1 ] && printf '\033[0m' || true)
run() { printf '\n%s$ %s%s\n' "$bold" "$*" "$plain"; "$@"; }

run nnc check examples/digits.yaml
run nnc summary examples/digits.yaml --size B=1
run nnc compile examples/digits.yaml --render --emit safetensors --emit python -o "$out"
run nnc train examples/digits.yaml --run-dir "$out/run"
run nnc eval "$out/run" --at-least accuracy=0.98
run python examples/use_model.py "$out/run/model.safetensors" "$out"
run nnc predict "$out/run/model.safetensors" "$out/digits.npy"

cat <<END

Everything was written to $out:
  digits.svg               the picture of the network
  digits.py                its Python source, which needs torch alone
  digits.safetensors       spec and fresh weights in one file
  run/                     the training run: log, checkpoints,
  run/model.safetensors    and the best weights with their spec; \`nnc.load\` reads it anywhere
  digits.npy               the test digits that the last command predicted
END
run nnc eval "$out/run/model.safetensors" --at-least accuracy=0.98

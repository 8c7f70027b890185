# How scripts/check builds, and scripts/test where BALANCER_STRICT is set, so that .ci/run builds the tests once. In a
# folder of its own: other flags would make the next plain build start from nothing. A file with a warning fails to
# compile, so it is reported again each time until it is mended. Warnings of dependencies stay theirs.
# shellcheck shell=bash disable=SC2034
strict=(
  --scratch-path .build/check --explicit-target-dependency-import-check error -Xswiftc -warnings-as-errors
)

#!/bin/sh
# hmm-stress-run THP [OPTIONS]: hmm-stress, with swap, the test driver loaded and
# a check for leaks: see test-hmm.sh. Prints TAP.
# shellcheck source=guest/test-hmm.sh
. /bin/test-hmm
thp=$1
shift
test_hmm_begin "$thp"
hmm-stress "$@"
test_hmm_end $?

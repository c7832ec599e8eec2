#!/usr/bin/env bash
# Make this machine a node of a cluster: install what the project needs, and note where the cluster keeps
# its results. `ray up` runs it on every node; run it as often as you like.
#
#     infra/node.sh STORE           STORE: a folder that all nodes see, or s3://BUCKET/PREFIX, gs://...
#     infra/node.sh STORE --head    ... and start MLflow's server, on the loopback address
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly store=${1:?the store: a folder that all nodes see, or s3://BUCKET/PREFIX}
readonly role=${2:-}
readonly config=${XDG_CONFIG_HOME:-$HOME/.config}/randteach
readonly port=5000
readonly log=$HOME/mlflow.log

# Login shells, which Ray uses, find the environment's `python` and `ray`, and never start Ray without a token.
write_profile() {
    local begin='# >>> randteach >>>' end='# <<< randteach <<<'
    touch ~/.bashrc
    sed -i "/^$begin\$/,/^$end\$/d" ~/.bashrc
    cat >>~/.bashrc <<PROFILE
$begin
export PATH="$PWD/.venv/bin:\$PATH"
export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0
# Metrics' ports ask nobody for a token, and there is no switch for two of them: no port of that number is.
export RAY_enable_metrics_collection=0 AUTOSCALER_METRIC_PORT=-1 DASHBOARD_METRIC_PORT=-1
$end
PROFILE
}

write_config() {
    mkdir -p "$config"
    cat >"$config/cluster.yaml" <<CONFIG
# Written by infra/node.sh: what a sweep takes when it is started on this node without options.
store: $store
mlflow: http://127.0.0.1:$port
address: auto
CONFIG
}

answers() { # does MLflow's server answer?
    .venv/bin/python - "$port" <<'PY' 2>/dev/null
import sys, urllib.request
urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/health", timeout=5)
PY
}

serve_mlflow() {
    local waited
    if answers; then
        return
    fi
    setsid nohup .venv/bin/randteach serve --store "$store" --port "$port" >"$log" 2>&1 </dev/null &
    for ((waited = 0; waited < 60; waited++)); do
        if answers; then
            return
        fi
        sleep 1
    done
    echo "node: MLflow's server does not answer; its log, $log, ends in:" >&2
    tail -n 5 "$log" >&2
    exit 1
}

infra/setup.sh </dev/null # under `ray up` the input is a terminal, but nobody is there
write_profile
write_config
chmod 600 ~/.ray/auth_token # sent by `ray up`
[[ $store == *://* ]] || mkdir -p "$store"
if [[ $role == --head ]]; then
    serve_mlflow
fi

#!/usr/bin/env bash
# Installs what is missing on this machine: `setup.sh build` for building and running,
# `setup.sh measure` for benchmarks and chaos as well, `setup.sh test` (the default) for all tests.
# On Debian as root by apt; elsewhere it names what is missing and exits with 1. Quick when
# nothing is missing.
set -euo pipefail

what=${1:-test}
case $what in
  build | measure | test) ;;
  *) echo "usage: $0 [build|measure|test]" >&2; exit 2 ;;
esac

# The oldest Node that the page's tools run on, and the one installed when apt has only older ones.
node_oldest=20.19
node_wanted=22

has() { command -v "$1" >/dev/null 2>&1; }

node_fits() {
  local have
  has node && has npm || return 1
  have=$(node --version) && have=${have#v}
  [ "$(printf '%s\n' "$node_oldest" "$have" | sort -V | head -n 1)" = "$node_oldest" ]
}

has_browser() { [ -n "${CHROMIUM:-}" ] || has chromium || has chromium-browser; }

has_broker() { [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || has rabbitmq-server; }

# Debian keeps it where only root's PATH leads.
has_nginx() { has nginx || [ -x /usr/sbin/nginx ]; }

# Sets `missing` to what people call it, `packages` to Debian's names, and `left_out` to what
# there are systems without: its tests leave themselves out there.
look() {
  missing=() packages=() left_out=()
  has cc || { missing+=('a C compiler'); packages+=(gcc libc6-dev); }
  node_fits || { missing+=("Node.js $node_oldest or newer, with npm"); packages+=(nodejs npm); }
  if [ "$what" != build ]; then
    has_broker || { missing+=('RabbitMQ (rabbitmq-server)'); packages+=(rabbitmq-server); }
    has_browser || { missing+=('Chromium'); packages+=(chromium fonts-dejavu-core); }
  fi
  if [ "$what" = test ]; then
    has_nginx || { left_out+=('nginx'); packages+=(nginx-light); }
    has caddy || { left_out+=('Caddy'); packages+=(caddy); }
  fi
}

# apt would start the broker and the proxies it installs. The tests start their own, and the ports
# of those may be wanted for others.
install_packages() {
  local policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  apt-get update -q
  # One name that a release does not know would keep apt from installing the others.
  local package known=()
  for package in "$@"; do
    if apt-cache show "$package" >/dev/null 2>&1; then
      known+=("$package")
    else
      echo "setup: this release has no package $package" >&2
    fi
  done
  ((!${#known[@]})) ||
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${known[@]}"
}

# Rust is the user's own choice of toolchain: named, never installed.
rust_missing=()
has cargo || rust_missing+=('cargo: install Rust with rustup')
if has cargo && [ "$what" = test ]; then
  cargo fmt --version >/dev/null 2>&1 || rust_missing+=('rustfmt: rustup component add rustfmt')
  cargo clippy --version >/dev/null 2>&1 || rust_missing+=('clippy: rustup component add clippy')
fi

look
if ((${#packages[@]})) && [ "$(id -u)" = 0 ] && has apt-get; then
  echo "setup: installing ${packages[*]}" >&2
  install_packages "${packages[@]}"
  # Debian 12 has Node 18. Its npm fetches a newer one, beside it in /usr/local.
  if ! node_fits && has npm; then
    echo "setup: installing Node.js $node_wanted by npm" >&2
    npm install --global --no-fund --no-audit "node@$node_wanted" npm@10
    hash -r
  fi
  look
fi

if ((${#left_out[@]})); then
  echo "setup: not on this machine, so not tested here: ${left_out[*]}" >&2
fi
if ((${#missing[@]} + ${#rust_missing[@]})); then
  echo 'setup: missing on this machine:' >&2
  printf '  %s\n' "${rust_missing[@]}" "${missing[@]}" | sed '/^ *$/d' >&2
  ((!${#packages[@]})) || echo "On Debian, as root: apt install ${packages[*]}" >&2
  exit 1
fi

#!/usr/bin/env bash
# Makes the broker user of one tracker, which may publish that host's measures and do nothing else.
# Prints the URL for the tracker. For a user that exists, sets a new password.
#
#   deploy/add-tracker-user.sh web-01.example.com
#   deploy/add-tracker-user.sh web-01.example.com amqps://broker.example.com:5671
#
# Runs rabbitmqctl on the broker's machine, or what RABBITMQCTL says:
#   RABBITMQCTL='docker compose exec -T rabbitmq rabbitmqctl' deploy/add-tracker-user.sh web-01
# RESOURCES_EXCHANGE names another exchange, RESOURCES_VHOST another virtual host.
set -euo pipefail

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
  echo "usage: $0 HOST [amqp[s]://BROKER[:PORT]]" >&2
  exit 2
fi
host=$1
broker=${2:-amqp://localhost:5672}
exchange=${RESOURCES_EXCHANGE:-resources}
vhost=${RESOURCES_VHOST:-/}
read -ra ctl <<<"${RABBITMQCTL:-rabbitmqctl}"

refuse() { echo "$0: $*" >&2; exit 2; }

# What the programs take for the name of a host: labels of letters, digits, '-' and '_', with dots
# between them. Anything else could mean something in the patterns below.
label='[A-Za-z0-9_-]+'
[[ $host =~ ^$label(\.$label)*$ && ${#host} -le 200 ]] ||
  refuse "'$host' is no host name: use 1-200 letters, digits, '-', '_' and '.'"
[[ $exchange =~ ^[A-Za-z0-9_.:-]+$ ]] || refuse "'$exchange' is no name of an exchange"
[[ $vhost =~ ^[A-Za-z0-9_./-]+$ ]] || refuse "'$vhost' is no name of a virtual host"
[[ $broker =~ ^amqps?://[^/@]+$ ]] || refuse "'$broker' is not like amqps://broker.example.com:5671"

user=tracker-$host
password=$(head -c 24 /dev/urandom | base64 | tr '+/' '-_')
exact() { printf '^%s$' "${1//./\\.}"; }

# The password goes by standard input, so that no list of processes shows it.
if "${ctl[@]}" list_users --silent </dev/null | cut -f 1 | grep -xF "$user" >/dev/null; then
  "${ctl[@]}" change_password "$user" <<<"$password" >&2
else
  "${ctl[@]}" add_user "$user" <<<"$password" >&2
fi
# Topics first: a user without an entry here may publish to all of them.
"${ctl[@]}" set_topic_permissions -p "$vhost" "$user" "$exchange" "$(exact "$host.measure")" '^$' >&2 </dev/null
"${ctl[@]}" set_permissions -p "$vhost" "$user" '^$' "$(exact "$exchange")" '^$' >&2 </dev/null

echo "${broker%%://*}://$user:$password@${broker#*://}/${vhost//\//%2f}"

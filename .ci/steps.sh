# How .ci/run carries out its steps. It sources this, with a folder for what they print in `logs`, and in `limit` how many
# seconds one may take.
#
# Two are under way at a time. What a step prints comes whole when it has ended, with how long it took and what it cost;
# the first that fails ends the run, and so does one that takes too long. The last step is alone.

declare -A name_of=() began=()
# Each step is a group of processes, so that it can be ended with all it has started.
set -m
trap all_end EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

all_end() { # whoever ends the run while a step hangs is told what that has printed
  local code=$?
  for pid in "${!name_of[@]}"; do
    kill -- "-$pid" 2>/dev/null || true
    if [ "$code" -gt 128 ]; then
      printf '\n== broken off: %s, after %s s\n' "${name_of[$pid]}" "$((SECONDS - began[$pid]))"
      cat "$logs/$pid" 2>/dev/null || true
    fi
  done
}

step() { # name, command
  while [ "${#name_of[@]}" -ge 2 ]; do one_ends; done
  printf -- '-- %s: begins\n' "$1"
  (
    exec >"$logs/$BASHPID" 2>&1 </dev/null
    within_limit "${@:2}"
  ) &
  name_of[$!]=$1
  began[$!]=$SECONDS
}

last_step() { # name, command; its output is shown as it comes
  while [ "${#name_of[@]}" -gt 0 ]; do one_ends; done
  printf '\n== %s\n' "$1"
  # Waited for, and not in front: bash would take a signal to itself only when it has ended.
  within_limit "${@:2}" </dev/null &
  name_of[$!]=$1
  began[$!]=$SECONDS
  local code=0
  wait $! || code=$?
  unset "name_of[$!]"
  return "$code"
}

left_out() { # name, reason
  printf -- '-- %s: left out, %s\n' "$1" "$2"
}

only() { # name: wait for this step
  while [[ " ${name_of[*]} " == *" $1 "* ]]; do one_ends; done
}

one_ends() {
  local pid code=0
  wait -n -p pid "${!name_of[@]}" || code=$?
  local name=${name_of[$pid]}
  unset "name_of[$pid]"
  printf '\n== %s: %s\n' "$name" "$(took "$pid")"
  cat "$logs/$pid"
  [ "$code" = 0 ] || { printf '\n== failed: %s\n' "$name" && exit 1; }
}

took() { # process: how long, and how long processors if it came to its end
  local user system
  printf '%s s' "$((SECONDS - began[$1]))"
  # Of the shell, and then of what it has run and waited for.
  { read -r _ && read -r user system; } 2>/dev/null <"$logs/$1.times" &&
    printf ' (user %s, system %s)' "$user" "$system" || true
}

within_limit() { # command; it is the first of its group
  local group=$BASHPID watch
  end_after "$limit" "$group" &
  watch=$!
  # Not in a list: a function would go on after what fails in it.
  # shellcheck disable=SC2064
  trap "times >'$logs/$group.times' || true; kill -KILL $watch 2>/dev/null || true" EXIT
  "$@"
}

end_after() { # seconds, group
  local nothing
  trap '' INT TERM
  # A sleep would outlive it.
  exec {nothing}<> <(:)
  read -rt "$1" -u "$nothing" || true
  printf '\n== it takes longer than %s s, and is ended\n' "$1"
  # At that pytest says where it is.
  kill -INT -- "-$2"
  read -rt 10 -u "$nothing" || true
  kill -KILL -- "-$2"
}

# bash completion for weir. Names of sites, demands and the like come from the platform that weir talks to.

_weir_options() {
	local options=""
	case $1 in
	ls) options="--state --tenant --site --region --name --kind --all --limit --watch --json --server --token-file --ca-file --help" ;;
	show) options="--json --server --token-file --ca-file --help" ;;
	why) options="--sites --json --server --token-file --ca-file --help" ;;
	logs) options="--follow --worker --replica --attempt --stderr --both --server --token-file --ca-file --help" ;;
	run) options="--name --tenant --workers --cpu --memory --chips --chip-model --chip-memory --tier --region --site --near --domestic --clearance --priority --preemptible --time-limit --grace --env --working-folder --simulate --detach --quiet --json --server --token-file --ca-file --help" ;;
	submit) options="--wait --timeout --key --retry-for --json --server --token-file --ca-file --help" ;;
	cancel) options="--array --tenant --json --server --token-file --ca-file --help" ;;
	check) options="--json --help" ;;
	replay) options="--network --slots --catalogue --policy --home --predictions --plot --progress --json --help" ;;
	match) options="--network --catalogue --policy --demands --json --help" ;;
	sites) options="--tier --region --condition --engine --draining --contains --json --server --token-file --ca-file --help" ;;
	drain) options="--reason --wait --json --server --token-file --ca-file --help" ;;
	undrain) options="--json --server --token-file --ca-file --help" ;;
	chips) options="--present --json --server --token-file --ca-file --help" ;;
	policy) options="--set --json --server --token-file --ca-file --help" ;;
	tenants) options="--json --server --token-file --ca-file --help" ;;
	summary) options="--watch --json --server --token-file --ca-file --help" ;;
	events) options="--follow --limit --after --type --demand --json --server --token-file --ca-file --help" ;;
	up) options="--network --catalogue --policy --demands --state --port --fresh --keep --until-done --timeout --json --help" ;;
	serve) options="--state --listen --name --number --network --catalogue --policy --write-tokens --write-address --tls-certificate --tls-key --no-auth --rate --connections --lease --snapshot-every --verbose --help" ;;
	agent) options="--server --token-file --ca-file --state --site --network --find-out --all-simulated --engine --run-as --log-bytes --verbose --help" ;;
	token) options="--role --tenant --site --out --json --server --token-file --ca-file --help" ;;
	context) options="--set --json --server --token-file --ca-file --help" ;;
	esac
	printf '%s' "$options"
}

# Words for the value of an option.
_weir_values() {
	case $2 in
	--tier) echo hub regional edge ;;
	--state) if [ "$1" = ls ]; then echo pending placed running stopping succeeded failed timed-out cancelled live ended; fi ;;
	--kind) echo job service ;;
	--condition) echo unseen up suspect lost ;;
	--engine) echo local slurm kubernetes simulated ;;
	--role) echo operator supplier tenant auditor viewer ;;
	--site) "$3" __complete sites 2>/dev/null ;;
	--region) "$3" __complete regions 2>/dev/null ;;
	--chip-model) "$3" __complete chips 2>/dev/null ;;
	--demand) "$3" __complete demands 2>/dev/null ;;
	esac
}

# Words for an argument.
_weir_arguments() {
	case $1 in
	show | why | logs) "$3" __complete demands 2>/dev/null ;;
	cancel) "$3" __complete live-demands 2>/dev/null ;;
	sites | drain | undrain) "$3" __complete sites 2>/dev/null ;;
	token)
		if [ "$2" = token ]; then
			echo create list revoke
		elif [ "$2" = revoke ]; then
			"$3" __complete tokens 2>/dev/null
		fi
		;;
	help) "$3" __complete subcommands 2>/dev/null ;;
	esac
}

_weir() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} weir=${COMP_WORDS[0]} subcommand=${COMP_WORDS[1]}
	local words="" i
	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		words="$("$weir" __complete subcommands 2>/dev/null) --help --version"
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
		return
	fi
	for ((i = 2; i < COMP_CWORD; i++)); do
		if [ "${COMP_WORDS[i]}" = -- ]; then
			# What follows is a command of its own.
			mapfile -t COMPREPLY < <(compgen -c -f -- "$current")
			return
		fi
	done
	case $previous in
	--*) words=$(_weir_values "$subcommand" "$previous" "$weir") ;;
	esac
	if [ -z "$words" ]; then
		case $current in
		-*) words=$(_weir_options "$subcommand") ;;
		*) words=$(_weir_arguments "$subcommand" "$previous" "$weir") ;;
		esac
	fi
	if [ -n "$words" ]; then
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
	else
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
	fi
}

complete -o filenames -F _weir weir ./weir

import ArgumentParser

/// The script that swift-argument-parser makes for bash, and what it leaves to be wished.
enum BashCompletions {
  static var script: String {
    Balancer.completionScript(for: .bash) + "\n" + wholeWords
  }

  /// bash splits words at the characters of COMP_WORDBREAKS, of which the colon and the equals sign are in names and
  /// addresses here. What belongs together is put together for the script above, and what bash has seen already is taken off
  /// what it answers. Names are no files: bash would show of them what follows the last slash, and escape their colons.
  private static let wholeWords = #"""
    _balancer_whole_words() {
        local rest="${COMP_LINE}" word gap
        local -a words=()
        local -i index cword=0
        for index in "${!COMP_WORDS[@]}"; do
            word="${COMP_WORDS[index]}"
            gap="${rest%%[![:space:]]*}"
            rest="${rest#"${gap}"}"
            rest="${rest#"${word}"}"
            if [[ "${#words[@]}" -gt 0 && -z "${gap}" && -n "${word}" ]]; then
                words[-1]+="${word}"
            else
                words+=("${word}")
            fi
            [[ "${index}" -le "${COMP_CWORD}" ]] && cword="$((${#words[@]} - 1))"
        done

        local -a COMP_WORDS=("${words[@]}")
        local -i COMP_CWORD="${cword}"
        local whole="${words[cword]}" previous=""
        [[ "${cword}" -gt 0 ]] && previous="${words[cword - 1]}"
        _balancer "${1}" "${whole}" "${previous}"

        case "${previous}" in
        -c | --config | --write | --tls-key-log) compopt -o filenames ;;
        esac
        local known="${whole%"${whole##*[:=]}"}"
        if [[ -n "${known}" ]]; then
            COMPREPLY=("${COMPREPLY[@]#"${known}"}")
        fi
    }

    complete -F _balancer_whole_words balancer
    """#
}

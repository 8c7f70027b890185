import Foundation
import Testing

extension EndToEnd {
  /// What the shells make of `balancer completions`, each in its own way.
  @Suite struct Completion {
    let site: Site

    init() throws {
      site = try Site()
      let admin = Address.ipv4(try FreePort.take())
      _ = try site.balancer(
        """
        {
          "listeners": { "web": { "listen": "\(site.front)", "pool": "web" } },
          "pools": { "web": { "backends": [{ "name": "alpha", "address": "127.0.0.1:9001" }, "127.0.0.1:9002"] } },
          "admin": { "listen": "\(admin)" }, "workers": 1
        }
        """)
      for name in ["other.json", "notes.txt"] {
        try Data().write(to: site.folder.appendingPathComponent(name))
      }
      try FileManager.default.createSymbolicLink(
        at: site.folder.appendingPathComponent("balancer"),
        withDestinationURL: URL(fileURLWithPath: BalancerProcess.binary))
      for shell in ["bash", "zsh", "fish"] {
        let script = try ChildProcess.run([BalancerProcess.binary, "completions", shell])
        #expect(script.exit == .status(0))
        try script.output.write(
          to: site.folder.appendingPathComponent(shell == "zsh" ? "_balancer" : "complete.\(shell)"), atomically: true,
          encoding: .utf8)
      }
    }

    /// Lines, what they are completed to, and what they are not.
    static let lines: [(line: String, has: [String], hasNot: [String])] = [
      ("balancer dr", ["drain"], ["status"]),
      ("balancer drain ", ["web/alpha", "web/127.0.0.1:9002"], ["notes.txt"]),
      ("balancer drain web/127", ["web/127.0.0.1:9002"], ["web/alpha"]),
      ("balancer drain web/127.0.0.1:9", ["web/127.0.0.1:9002"], ["web/alpha"]),
      ("balancer weight web/alpha r", ["reset"], ["web/alpha"]),
      ("balancer sessions --pool ", ["web"], ["web/alpha"]),
      ("balancer sessions --listener w", ["web"], []),
      ("balancer status --config ", ["balancer.json", "other.json"], ["notes.txt"]),
      ("balancer drain --admin 127.0.0.1:1 ", [], ["web/alpha"]),
      ("balancer completions ", ["bash", "zsh", "fish"], []),
    ]

    private func shell(_ arguments: [String], _ script: String) throws -> [String] {
      let path = "\(site.folder.path):" + (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")
      let run = try ChildProcess.run(
        arguments + [script],
        environment: ["PATH": path, "LC_ALL": "C.UTF-8", "HOME": site.folder.path, "TERM": "vt100"],
        folder: site.folder.path, within: .seconds(60))
      #expect(run.errors == "")
      return run.output.split(separator: "\n").map(String.init)
    }

    private func judge(_ index: Int, _ found: [String]) {
      let (line, has, hasNot) = Self.lines[index]
      for name in has { #expect(found.contains(name), "\(line)→ \(found)") }
      for name in hasNot { #expect(!found.contains(name), "\(line)→ \(found)") }
    }

    @Test func theScriptsAreGood() throws {
      for (shell, file) in [("bash", "complete.bash"), ("zsh", "_balancer"), ("fish", "complete.fish")] {
        let run = try ChildProcess.run([shell, "-n", file], folder: site.folder.path)
        #expect(run.exit == .status(0) && run.errors == "", "\(shell): \(run.errors)")
      }
    }

    /// The words as bash cuts them at a colon; what comes back lacks what stands before the last one.
    @Test(arguments: lines.indices) func bash(index: Int) throws {
      let line = Self.lines[index].line
      let found = try shell(
        ["bash", "--norc", "-c"],
        """
        compopt() { :; }
        source ./complete.bash
        COMP_LINE='\(line)' COMP_POINT=\(line.utf8.count)
        COMP_WORDS=()
        for word in \(line); do
          while [[ $word == *:* ]]; do COMP_WORDS+=("${word%%:*}" :); word="${word#*:}"; done
          [[ -n $word ]] && COMP_WORDS+=("$word")
        done
        [[ $COMP_LINE == *' ' ]] && COMP_WORDS+=('')
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _balancer_whole_words balancer "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        word="${COMP_LINE##* }"
        [[ $word == *:* ]] && COMPREPLY=("${COMPREPLY[@]/#/${word%"${word##*:}"}}")
        printf '%s\\n' "${COMPREPLY[@]}"
        """)
      judge(index, found)
    }

    @Test(arguments: lines.indices) func fish(index: Int) throws {
      let found = try shell(
        ["fish", "--no-config", "-c"], "source complete.fish; complete -C '\(Self.lines[index].line)'")
      // Behind a tab comes what a name is.
      judge(index, found.map { String($0.split(separator: "\t")[0]) })
    }

    /// In a terminal of its own (zpty), which alone has completions; what is there to choose from is written to a file.
    @Test(arguments: lines.indices) func zsh(index: Int) throws {
      let found = try shell(
        ["zsh", "-f", "-c"],
        """
        zmodload zsh/zpty
        zpty shell zsh -f -i
        zpty -w shell 'PS1=; fpath=('$PWD' $fpath); autoload -U compinit; compinit -u -D'
        zpty -w shell 'unalias -a; compadd() { local -a it; builtin compadd -O it "$@" 2>/dev/null; print -rl -- $it >>found; builtin compadd "$@" }'
        zpty -w shell 'done-with-it() { print -n >done }; zle -N done-with-it; bindkey "^X" done-with-it; print -n >ready'
        integer waited=0
        while [[ ! -e ready ]] && ((waited++ < 3000)); do zselect -t 1 2>/dev/null || { zmodload zsh/zselect }; done
        zpty -w -n shell '\(Self.lines[index].line)'$'\\t\\t\\x18'
        waited=0
        while [[ ! -e done ]] && ((waited++ < 3000)); do
          while zpty -r -t shell part; do :; done
          zselect -t 1
        done
        zpty -d shell
        cat found 2>/dev/null
        true
        """)
      judge(index, found)
    }
  }
}

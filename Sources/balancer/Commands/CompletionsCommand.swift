import ArgumentParser

struct CompletionsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "completions",
    abstract: "Print the completions for a shell: commands, options, files, and the names of what is running.",
    discussion: """
      Examples:
        balancer completions bash > /etc/bash_completion.d/balancer
        balancer completions zsh > /usr/local/share/zsh/site-functions/_balancer
        balancer completions fish > ~/.config/fish/completions/balancer.fish
      """)

  enum Shell: String, CaseIterable, ExpressibleByArgument {
    case bash, zsh, fish
  }

  @Argument(help: "The shell.")
  var shell: Shell

  func run() {
    switch shell {
    case .bash: print(BashCompletions.script)
    case .zsh: print(Balancer.completionScript(for: .zsh))
    case .fish: print(Balancer.completionScript(for: .fish))
    }
  }
}

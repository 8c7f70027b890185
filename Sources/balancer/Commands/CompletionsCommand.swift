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

  /// How much of a word stands before the cursor, asked in a way that fish 3 knows too.
  private static var fish: String {
    Balancer.completionScript(for: .fish)
      .replacing("(__balancer_tokens -tC)", with: "(commandline -ct | string length)")
  }

  func run() {
    switch shell {
    case .bash: print(BashCompletions.script)
    case .zsh: print(Balancer.completionScript(for: .zsh))
    case .fish: print(Self.fish)
    }
  }
}

import AdminClient
import ArgumentParser
import Base
import Console
import HTTPCore

/// What a shell completes with names of the running program. Where nothing answers, nothing is completed: a shell is no place
/// for errors.
enum Completions {
  private static let limit: Duration = .seconds(1)

  static let backends: @Sendable ([String], Int, String) -> [String] = { words, _, _ in
    status(words)?.backends.map { entry($0.path, "\($0.state), \(Figures.count($0.sessions, "session"))") } ?? []
  }

  static let pools: @Sendable ([String], Int, String) -> [String] = { words, _, _ in
    status(words)?.pools.map { entry($0.name, "\($0.state), \(Figures.count($0.total, "backend"))") } ?? []
  }

  static let listeners: @Sendable ([String], Int, String) -> [String] = { words, _, _ in
    status(words)?.listeners.map { entry($0.name, $0.listen.joined(separator: " ")) } ?? []
  }

  private static func status(_ words: [String]) -> Status? {
    var options = AdminOptions()
    options.config = value(of: ["--config", "-c"], in: words)
    options.admin = value(of: ["--admin"], in: words)
    guard let access = try? AdminAccess(options),
      let answer = try? access.client.ask(Question(.get, "/v1/status"), within: limit), answer.isSuccess,
      let reply = try? Reply(answer.body)
    else { return nil }
    return try? Status(reply)
  }

  /// Of an option that stands before or behind the word that is completed. Quotes and backslashes are the shell's.
  private static func value(of names: [String], in words: [String]) -> String? {
    for (index, word) in words.enumerated() {
      for name in names {
        if word == name, index + 1 < words.count { return unquoted(words[index + 1]) }
        if name.hasPrefix("--"), word.hasPrefix(name + "=") { return unquoted(String(word.dropFirst(name.count + 1))) }
      }
    }
    return nil
  }

  private static func unquoted(_ word: String) -> String {
    word.filter { $0 != "\"" && $0 != "'" && $0 != "\\" }
  }

  /// A name as the shell that asks takes it, with a description where it shows one.
  private static func entry(_ name: String, _ description: String) -> String {
    switch CompletionShell.requesting {
    // _describe: the first colon that is not escaped ends the name.
    case .some(.zsh): "\(name.replacing("\\", with: "\\\\").replacing(":", with: "\\:")):\(description)"
    case .some(.fish): "\(name)\t\(description)"
    default: name
    }
  }
}

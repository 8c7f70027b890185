/// What `POST /v1/reload` came to, as `balancer reload` prints it.
package struct ReloadReport: Equatable, Sendable {
  package var result: String
  package var changes: [String]
  package var warnings: [String]
  package var errors: [String]

  package init(_ reply: Reply) {
    result = reply["result"].safe
    changes = reply["changes"].texts.map(Reply.safe)
    warnings = reply["warnings"].texts.map(Reply.safe)
    errors = reply["errors"].texts.map(Reply.safe)
  }

  package var isRefused: Bool { result == "refused" }

  package var text: String {
    switch result {
    case "done": "reloaded: \(Figures.count(changes.count, "change"))"
    case "unchanged": "nothing to do: the file says what is running"
    case "refused": "the reload was refused; what ran before goes on"
    default: "the reload ended: \(result)"
    }
  }

  package var lines: [StyledText] { [StyledText(text)] + changes.map { StyledText("  \($0)") } }
}

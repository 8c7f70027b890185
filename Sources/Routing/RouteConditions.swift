import Base
import HTTPCore

/// What a route wants besides a host and a path: looked at only of the few routes that host and path leave.
struct RouteConditions: @unchecked Sendable {
  enum Verdict: Equatable {
    case yes, no
    /// A regular expression was given up.
    case unknown
  }

  struct Text: BitwiseCopyable {
    var start: UInt32 = 0
    var count: UInt32 = 0
  }

  struct Span: BitwiseCopyable {
    var start: UInt32 = 0
    var count: UInt32 = 0
  }

  /// The value of a field or a parameter.
  struct Value: BitwiseCopyable {
    enum Kind: UInt8, BitwiseCopyable { case exact, expression, present, absent }

    var name: Text
    var kind: Kind
    var isParameter: Bool
    var text = Text()
    var expression: UInt32 = 0
  }

  struct ServerName: BitwiseCopyable {
    var name: Text
    var isWildcard: Bool
  }

  struct Route: BitwiseCopyable {
    /// Nothing is left to look at.
    var isPlain = true
    var methods = Span()
    var serverNames = Span()
    var values = Span()
    var sources: Int32 = -1
    var pathExpression: Int32 = -1
  }

  /// What the conditions are frozen from.
  struct Draft {
    var routes: [Route] = []
    var methods: [Text] = []
    var serverNames: [ServerName] = []
    var values: [Value] = []
    var sources: [PrefixSet] = []
    var expressions: [RegularExpression] = []
    var text: [UInt8] = []
  }

  private let routes: FrozenArray<Route>
  private let methods: FrozenArray<Text>
  private let serverNames: FrozenArray<ServerName>
  private let values: FrozenArray<Value>
  private let sources: UnsafeMutableBufferPointer<PrefixSet>
  private let compiled: FrozenArray<CompiledExpression>
  private let text: FrozenArray<UInt8>
  /// Keeps what `compiled` points to.
  private let expressions: [RegularExpression]

  init(_ draft: Draft) {
    routes = FrozenArray(draft.routes)
    methods = FrozenArray(draft.methods)
    serverNames = FrozenArray(draft.serverNames)
    values = FrozenArray(draft.values)
    sources = .allocate(capacity: draft.sources.count)
    _ = sources.initialize(from: draft.sources)
    compiled = FrozenArray(draft.expressions.map(CompiledExpression.init))
    text = FrozenArray(draft.text)
    expressions = draft.expressions
  }

  func deallocate() {
    routes.deallocate()
    methods.deallocate()
    serverNames.deallocate()
    values.deallocate()
    sources.deinitialize()
    sources.deallocate()
    compiled.deallocate()
    text.deallocate()
  }

  @inline(__always)
  func judge(
    _ index: Int, _ request: RoutedRequest, _ fields: borrowing FieldTable, _ scratch: inout MatchScratch
  ) -> Verdict {
    let route = routes[index]
    return route.isPlain ? .yes : judge(route, request, fields, &scratch)
  }

  /// What costs least comes first.
  private func judge(
    _ route: Route, _ request: RoutedRequest, _ fields: borrowing FieldTable, _ scratch: inout MatchScratch
  ) -> Verdict {
    if route.methods.count > 0, !hasMethod(route.methods, request.method) { return .no }
    if route.serverNames.count > 0, !hasServerName(route.serverNames, request.serverName) { return .no }
    if route.sources >= 0 {
      guard let client = request.client, sources[Int(route.sources)].contains(client) else { return .no }
    }
    // What does not match for certain settles it, whatever is not known.
    var verdict = Verdict.yes
    for index in Int(route.values.start)..<Int(route.values.start + route.values.count) {
      let value = values[index]
      let answer =
        value.isParameter
        ? judge(parameter: value, request.query, &scratch)
        : judge(field: value, fields, request.bytes, &scratch)
      if answer == .no { return .no }
      if answer == .unknown { verdict = .unknown }
    }
    if route.pathExpression >= 0 {
      guard request.path.first == UInt8(ascii: "/") else { return .no }
      let answer = find(UInt32(route.pathExpression), in: request.path, &scratch)
      if answer != .yes { return answer }
    }
    return verdict
  }

  private func hasMethod(_ span: Span, _ method: UnsafeRawBufferPointer) -> Bool {
    for index in Int(span.start)..<Int(span.start + span.count) where equal(bytes(methods[index]), method) {
      return true
    }
    return false
  }

  private func hasServerName(_ span: Span, _ name: UnsafeRawBufferPointer) -> Bool {
    for index in Int(span.start)..<Int(span.start + span.count) {
      let pattern = serverNames[index]
      let filed = bytes(pattern.name)
      if !pattern.isWildcard {
        if equal(filed, name) { return true }
      } else if name.count > filed.count + 1, name[name.count - filed.count - 1] == UInt8(ascii: "."),
        equal(filed, UnsafeRawBufferPointer(rebasing: name[(name.count - filed.count)...]))
      {
        return true
      }
    }
    return false
  }

  private func judge(
    field value: Value, _ fields: borrowing FieldTable, _ message: UnsafeRawBufferPointer,
    _ scratch: inout MatchScratch
  ) -> Verdict {
    var verdict = Verdict.no
    var next = fields.index(named: bytes(value.name), in: message)
    switch value.kind {
    case .present: return next == nil ? .no : .yes
    case .absent: return next == nil ? .yes : .no
    case .exact, .expression:
      while let index = next {
        let found = message[fields[index].value]
        if value.kind == .exact {
          if equal(bytes(value.text), found) { return .yes }
        } else {
          let answer = find(value.expression, in: found, &scratch)
          if answer == .yes { return .yes }
          if answer == .unknown { verdict = .unknown }
        }
        next = fields.index(named: bytes(value.name), in: message, from: index + 1)
      }
      return verdict
    }
  }

  private func judge(
    parameter value: Value, _ query: UnsafeRawBufferPointer, _ scratch: inout MatchScratch
  ) -> Verdict {
    var verdict = Verdict.no
    var position = 0
    while let parameter = QueryText.nextParameter(query, &position) {
      guard QueryText.equals(parameter.name, bytes(value.name)) else { continue }
      switch value.kind {
      case .present: return .yes
      case .absent: return .no
      case .exact: if QueryText.equals(parameter.value, bytes(value.text)) { return .yes }
      case .expression:
        let answer = find(value.expression, in: scratch.decode(parameter.value), &scratch)
        if answer == .yes { return .yes }
        if answer == .unknown { verdict = .unknown }
      }
    }
    return value.kind == .absent ? .yes : verdict
  }

  private func find(
    _ expression: UInt32, in subject: UnsafeRawBufferPointer, _ scratch: inout MatchScratch
  ) -> Verdict {
    switch scratch.find(compiled[Int(expression)], in: subject) {
    case .found: .yes
    case .notFound: .no
    case .exhausted: .unknown
    }
  }

  @inline(__always)
  private func bytes(_ text: Text) -> UnsafeRawBufferPointer { self.text.bytes(text.start, text.count) }

  @inline(__always)
  private func equal(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
    guard left.count == right.count else { return false }
    for index in 0..<left.count where left[index] != right[index] { return false }
    return true
  }
}

extension RouteConditions.Draft {
  mutating func append(_ match: RouteMatch) {
    var route = RouteConditions.Route()
    route.methods = span(methods.count, match.methods.count)
    for method in match.methods { methods.append(add(method)) }
    route.serverNames = span(serverNames.count, match.serverNames.count)
    for name in match.serverNames {
      serverNames.append(RouteConditions.ServerName(name: add(name.name), isWildcard: name.isWildcard))
    }
    route.values = span(values.count, match.fields.count + match.parameters.count)
    for (name, value) in match.fields { append(name, value, isParameter: false) }
    for (name, value) in match.parameters { append(name, value, isParameter: true) }
    if !match.sources.isEmpty {
      route.sources = Int32(sources.count)
      sources.append(PrefixSet(match.sources))
    }
    if let expression = match.pathExpression {
      route.pathExpression = Int32(expressions.count)
      expressions.append(expression)
    }
    route.isPlain =
      match.methods.isEmpty && match.serverNames.isEmpty && route.values.count == 0 && route.sources < 0
      && route.pathExpression < 0
    routes.append(route)
  }

  private mutating func append(_ name: String, _ value: RouteMatch.Value, isParameter: Bool) {
    var condition = RouteConditions.Value(name: add(name), kind: .present, isParameter: isParameter)
    switch value {
    case .present(let isPresent): condition.kind = isPresent ? .present : .absent
    case .exact(let text):
      condition.kind = .exact
      condition.text = add(text)
    case .regex(let expression):
      condition.kind = .expression
      condition.expression = UInt32(expressions.count)
      expressions.append(expression)
    }
    values.append(condition)
  }

  private func span(_ start: Int, _ count: Int) -> RouteConditions.Span {
    RouteConditions.Span(start: UInt32(start), count: UInt32(count))
  }

  private mutating func add(_ text: String) -> RouteConditions.Text {
    let bytes = Array(text.utf8)
    defer { self.text += bytes }
    return RouteConditions.Text(start: UInt32(self.text.count), count: UInt32(bytes.count))
  }
}

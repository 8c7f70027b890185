import Base
import Configuration
import HTTPCore
import Routing

extension Judges {
  /// Those who will run what they judge.
  static let ofRouting = Judges(
    expression: { text in
      do throws(RegularExpression.Malformed) {
        return .valid(groups: try RegularExpression(text).groups)
      } catch {
        return .malformed(error.description)
      }
    },
    path: { text in
      do throws(RoutePath.Malformed) {
        _ = try RoutePath.normalized(text)
        return nil
      } catch {
        return error.description
      }
    })
}

/// The routes of an http listener, compiled: which takes a request, and what becomes of it.
struct AssembledRoutes {
  let table: RouteTable
  /// By the indices that the table answers with.
  let routes: [Route]

  /// - Parameter former: of the configuration before, whose counts of requests go on where a route's limit is the same.
  /// - Throws: what the judges should have found when the file was read.
  init(_ listener: ListenerConfiguration, former: (ListenerConfiguration, AssembledRoutes)?) throws {
    table = try RouteTable(listener.routes.map { try RouteMatch($0.match) })
    routes = try listener.routes.enumerated().map { index, route in
      var kept: RateLimit?
      if let (configuration, assembled) = former, index < configuration.routes.count {
        let before = configuration.routes[index]
        if before.match == route.match, before.rateLimit == route.rateLimit {
          kept = assembled.routes[index].settings.rateLimit?.0
        }
      }
      return Route(try Route.Settings(route, kept: kept))
    }
  }
}

extension RouteMatch {
  fileprivate init(_ match: MatchConfiguration) throws {
    self.init()
    hosts = match.host
    path = match.path.map { .exact($0) } ?? match.pathPrefix.map { .prefix($0) }
    pathExpression = try match.pathRegex.map { try RegularExpression($0) }
    methods = match.method
    fields = try match.header.map { ($0.name, try Value($0.value)) }
    parameters = try match.query.map { ($0.name, try Value($0.value)) }
    sources = match.source
    serverNames = match.sni
  }
}

extension RouteMatch.Value {
  fileprivate init(_ value: MatchConfiguration.ValueMatch) throws {
    self =
      switch value {
      case .exact(let text): .exact(text)
      case .regex(let text): .regex(try RegularExpression(text))
      case .present(let isPresent): .present(isPresent)
      }
  }
}

extension Route.Settings {
  fileprivate init(_ route: RouteConfiguration, kept: RateLimit?) throws {
    switch route.action {
    case .pools(let shares):
      self.init(.pools(Split(weights: shares.map(\.weight))))
      pools = shares.map(\.pool)
    case .redirect(let redirect):
      self.init(.redirect(RedirectTarget(redirect.to), status: UInt16(redirect.status)))
    case .respond(let respond):
      let hasType = respond.headers.contains { $0.name.lowercased() == "content-type" }
      let type = hasType || respond.body.isEmpty ? [] : [Entry("Content-Type", "text/plain; charset=utf-8")]
      self.init(
        .respond(
          Route.Response(
            status: UInt16(respond.status), body: Array(respond.body.utf8),
            fields: try FieldEdits((type + respond.headers).map { .init(.set, $0.name, $0.value) }))))
    }
    switch route.rewrite {
    case nil: break
    case .prefix(let replacement):
      rewrite = try PathRewrite(prefix: route.match.pathPrefix ?? "/", replacement: replacement)
    case .regex(let expression, let target): rewrite = PathRewrite(try RegularExpression(expression), target: target)
    }
    host =
      switch route.host {
      case .keep: .keep
      case .backend: .backend
      case .text(let text): .text(Array(text.utf8))
      }
    mirror = route.mirror
    if mirror == nil {
      requestEdits = try FieldEdits(route.requestHeaders)
    } else {
      let isNamed = route.requestHeaders.names(Self.mirrorField)
      // Of a client it would say nothing, so that it has to be believed where it comes.
      requestEdits = try FieldEdits(route.requestHeaders, before: isNamed ? [] : [.init(.remove, Self.mirrorField)])
      mirrorEdits = try FieldEdits(
        route.requestHeaders, before: isNamed ? [] : [.init(.set, Self.mirrorField, "true")])
    }
    responseEdits = try FieldEdits(route.responseHeaders)
    timeout = route.timeout
    retries = route.retries
    basicFile = route.basicFile
    if let limit = route.rateLimit {
      let key: Route.RateKey =
        switch limit.by {
        case .client: .client
        case .header(let name): .header(Array(name.utf8))
        }
      rateLimit = (
        kept ?? RateLimit(.init(limit.rate, burst: limit.burst), seed: .random(in: 0...UInt64.max)), by: key
      )
    }
  }
}

extension Route.Settings {
  /// What tells a copy from the request that it is of; `requestHeaders` may say otherwise.
  fileprivate static var mirrorField: String { "X-Mirrored" }
}

extension HeaderEditsConfiguration {
  fileprivate func names(_ field: String) -> Bool {
    (set.map(\.name) + add.map(\.name) + remove).contains { $0.lowercased() == field.lowercased() }
  }
}

extension FieldEdits {
  /// nil where nothing changes.
  fileprivate convenience init?(_ edits: HeaderEditsConfiguration, before: [Edit] = []) throws {
    if edits == HeaderEditsConfiguration(), before.isEmpty { return nil }
    try self.init(
      before + edits.remove.map { Edit(.remove, $0) } + edits.set.map { Edit(.set, $0.name, $0.value) }
        + edits.add.map { Edit(.add, $0.name, $0.value) })
  }
}

import AdminClient
import ArgumentParser
import Base
import Configuration
import Console
import Glibc
import HTTPCore
import Reactor

/// The running program, as the commands reach it: where it is, how it is asked, and how what goes wrong is said.
struct AdminAccess: Sendable {
  let client: AdminClient
  /// As messages name it.
  let address: String
  /// Where the address comes from, in words that finish the sentence "The address comes from …".
  let origin: String

  init(_ options: AdminOptions) throws(Failure) {
    let place = try AdminPlace(options)
    address = "\(place.address)"
    origin = place.origin
    let addresses: [SocketAddress]
    do { addresses = try HostLookup.addresses(of: place.address.reachable) } catch {
      throw Failure(ExitStatus.unavailable, "the admin server's address cannot be found: \(error)")
    }
    client = AdminClient(addresses: addresses, host: place.address.host, token: place.token)
  }

  /// Why a command ends: the sentence, and the status.
  struct Failure: Error {
    let status: Int32
    let message: String

    init(_ status: Int32, _ message: String) {
      self.status = status
      self.message = message
    }
  }

  /// Asks, and takes only an answer that says yes.
  func ask(_ question: Question, within limit: Duration = .seconds(10)) throws(Failure) -> Reply {
    let answer = try askWhatever(question, within: limit)
    guard answer.isSuccess else { throw refusal(answer) }
    return try read(answer)
  }

  /// Asks, and takes an answer of any status.
  func askWhatever(_ question: Question, within limit: Duration = .seconds(10)) throws(Failure) -> Answer {
    do { return try client.ask(question, within: limit) } catch { throw failure(error) }
  }

  func read(_ answer: Answer) throws(Failure) -> Reply {
    do { return try Reply(answer.body) } catch { throw unreadable(error) }
  }

  func status() throws(Failure) -> Status { try status(ask(Question(.get, "/v1/status"))) }

  func status(_ reply: Reply) throws(Failure) -> Status {
    do { return try Status(reply) } catch { throw unreadable(error) }
  }

  func unreadable(_ fault: Reply.Fault) -> Failure {
    Failure(
      ExitStatus.protocolError, "\(address): the answer cannot be read: \(fault): is this balancer's admin server?")
  }

  // MARK: What goes wrong

  func failure(_ failure: AdminFailure) -> Failure {
    switch failure {
    case .unreachable(let error):
      Failure(
        error.number == EACCES || error.number == EPERM ? ExitStatus.notPermitted : ExitStatus.unavailable,
        """
        \(address) does not answer: \(error)
        The address comes from \(origin). Is balancer running? Is "admin" off, or another address, in the file it runs from?
        --config FILE names that file, --admin ADDRESS another address.
        """)
    case .silent, .cut: Failure(ExitStatus.unavailable, "\(address) does not answer: \(failure)")
    case .malformed, .tooLong:
      Failure(ExitStatus.protocolError, "\(address): \(failure): is this balancer's admin server?")
    }
  }

  /// What an error's answer says, with what can be done.
  func refusal(_ answer: Answer) -> Failure {
    let error = (try? Reply(answer.body))?["error"]
    guard let message = error?["message"].text, !message.isEmpty else {
      return Failure(
        ExitStatus.protocolError, "\(address) answers with status \(answer.status): is this balancer's admin server?")
    }
    let words = "\(address): \(error?["message"].safe ?? "")"
    switch answer.status {
    case 401:
      return Failure(
        ExitStatus.notPermitted,
        words
          + "\nThe token is \"admin.token\" or \"admin.tokenFile\" of the file it runs from (--config), or BALANCER_TOKEN."
      )
    case 403, 421: return Failure(ExitStatus.notPermitted, words)
    case 404: return Failure(ExitStatus.usage, words)
    case 408, 409, 503: return Failure(ExitStatus.unavailable, words)
    default: return Failure(ExitStatus.protocolError, words)
    }
  }
}

extension Endpoint {
  /// Where a server is that listens on this: on all addresses is also on loopback.
  fileprivate var reachable: Endpoint {
    switch self {
    case .any(let port), .ip(.anyIPv4, let port), .ip(.anyIPv6, let port): .ip(.loopbackIPv4, port: port)
    case .ip, .name, .unix: self
    }
  }

  /// What the request's Host says.
  fileprivate var host: String {
    if case .unix = self { "localhost" } else { reachable.description }
  }
}

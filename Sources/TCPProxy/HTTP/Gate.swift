import AccessLog
import Authentication
import Base
import HTTPCore
import Reactor

/// Who may come by a route: the users of a file, by Basic authentication (RFC 7617). Immutable; a reload makes new ones.
public final class Gate: Sendable {
  let users: UserFile
  let verifier: PasswordVerifier
  /// The line that asks for credentials.
  let challenge: LastingBytes

  /// - Parameters:
  ///   - verifier: the one of the process.
  ///   - realm: what a visitor is asked for, without control characters.
  public init(_ users: UserFile, realm: String, verifier: PasswordVerifier) {
    self.users = users
    self.verifier = verifier
    let quoted = realm.unicodeScalars.reduce(into: "") { text, scalar in
      if scalar == "\"" || scalar == "\\" { text += "\\" }
      if scalar.value >= 0x20, scalar.value != 0x7F { text.unicodeScalars.append(scalar) }
    }
    challenge = LastingBytes("WWW-Authenticate: Basic realm=\"\(quoted)\", charset=\"UTF-8\"\r\n".utf8)
  }
}

/// Letting in those who show good credentials.
extension Worker {
  enum Authorization {
    case allowed
    /// It is answered; or it is looked at once more when its password is verified, and then the answer is known.
    case held
  }

  /// Whether a request may go on.
  /// - Parameters:
  ///   - bytes: the request, whose fields are in the table, and all that has come behind it.
  mutating func authorize(
    _ gate: Gate, _ handle: Handle, _ client: UnsafeMutablePointer<HTTPClient>, _ head: RequestHead,
    _ bytes: UnsafeRawBufferPointer
  ) -> Authorization {
    // Several of them are nobody's: which one would a backend believe?
    guard let field = http.requestFields.first(.authorization),
      !http.requestFields.isRepeated(.authorization),
      let credentials = try? BasicCredentials.read(bytes[field.value])
    else {
      deny(gate, handle, client, head)
      return .held
    }
    if http.desk == nil {
      let mailbox = group.mailboxes[index]
      http.desk = CredentialsDesk(gate.verifier) { mailbox.post(.verified($0)) }
    }
    switch http.desk?.check(credentials, in: gate.users, now: now) {
    case .allowed:
      http.notes.access.user = field.value
      return .allowed
    case .denied: deny(gate, handle, client, head)
    case .pending(let ticket): hold(ticket, handle, client, bytes)
    case .busy, nil: refuse(handle, client, head, 503)
    }
    return .held
  }

  private mutating func deny(
    _ gate: Gate, _ handle: Handle, _ client: UnsafeMutablePointer<HTTPClient>, _ head: RequestHead
  ) {
    client.pointee.service.counters.refused.add(1, ordering: .relaxed)
    refuse(handle, client, head, 401, extra: gate.challenge.bytes)
  }

  /// Puts a request back until its password is verified. Meanwhile nothing is read of its client.
  private mutating func hold(
    _ ticket: CredentialsDesk.Ticket, _ handle: Handle, _ client: UnsafeMutablePointer<HTTPClient>,
    _ bytes: UnsafeRawBufferPointer
  ) {
    client.pointee.connection.unread.free(into: &http.buffers.blocks)
    http.buffers.keep(bytes, of: &client.pointee.connection, isNews: true)
    client.pointee.headBegan = http.notes.access.begun
    client.pointee.phase = .verifying
    client.pointee.ticketOfCheck = ticket
    http.verifying[ticket] = handle
    setDeadline(handle, client, now.later(client.pointee.http.requestNanoseconds))
  }

  /// A password is verified: its request is looked at again, and now the desk knows.
  mutating func verified(_ answer: PasswordVerifier.Answer) {
    guard http.desk?.take(answer, now: now) ?? nil != nil,
      let handle = http.verifying.removeValue(forKey: answer.ticket),
      let client = http.clients.pointer(to: handle), client.pointee.phase == .verifying
    else { return }
    client.pointee.ticketOfCheck = nil
    client.pointee.phase = .head
    client.pointee.isAskedAgain = true
    serveClient(handle)
  }

  /// Nobody waits for a check any longer.
  mutating func abandonCheck(_ client: UnsafeMutablePointer<HTTPClient>) {
    guard let ticket = client.pointee.ticketOfCheck else { return }
    client.pointee.ticketOfCheck = nil
    http.verifying[ticket] = nil
    http.desk?.abandon(ticket)
  }
}

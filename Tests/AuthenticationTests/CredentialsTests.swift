import Base
import Testing

@testable import Authentication

struct CredentialsTests {
  private func read(_ field: String) throws(BasicCredentials.Malformed) -> (String, String) {
    let bytes = Array(field.utf8)
    let result: Result<BasicCredentials, BasicCredentials.Malformed> = bytes.withUnsafeBytes { bytes in
      do throws(BasicCredentials.Malformed) { return .success(try BasicCredentials.read(bytes)) } catch {
        return .failure(error)
      }
    }
    let credentials = try result.get()
    return (
      String(decoding: credentials.user, as: UTF8.self),
      String(decoding: credentials.password.dropLast(), as: UTF8.self)
    )
  }

  @Test
  func theExamplesOfTheRFCAreRead() throws {
    #expect(try read("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==") == ("Aladdin", "open sesame"))
    #expect(try read("basic dGVzdDoxMjPCow==") == ("test", "123£"))
    #expect(try read("BASIC   YTpiOmM=  ") == ("a", "b:c"))
    #expect(try read("Basic YTo=") == ("a", ""))
  }

  @Test
  func whatIsMalformedIsSaid() {
    func refusal(_ field: String) -> BasicCredentials.Malformed? {
      do throws(BasicCredentials.Malformed) {
        _ = try read(field)
        return nil
      } catch { return error }
    }
    for field in ["", "Basic", "Basi YTo=", "Bearer YTo=", "BasicYTo=", "Basic\tYTo="] {
      #expect(refusal(field) == .notBasic, "\(field)")
    }
    // "YTp=" has bits set that belong to no byte.
    for field in [
      "Basic YTo", "Basic YT o=", "Basic YTo==", "Basic Y===", "Basic ====", "Basic YT=v", "Basic YTp=", "Basic YT-_",
      "Basic ==",
    ] {
      #expect(refusal(field) == .notBase64, "\(field)")
    }
    #expect(refusal("Basic ") == .withoutColon)
    #expect(refusal("Basic YWJj") == .withoutColon)
    #expect(refusal("Basic OmFi") == .withoutUser)
    #expect(refusal("Basic YTpiAGM=") == .controlCharacter)
    #expect(refusal("Basic YTpiCg==") == .controlCharacter)
    #expect(refusal("Basic YTpif2M=") == .controlCharacter)
    #expect(refusal("Basic " + String(repeating: "YWFh", count: 257)) == .tooLong)
    #expect(refusal("Basic " + String(repeating: "YWFh", count: 86) + "YTph") == .tooLong)
    #expect(refusal("Basic YTph" + String(repeating: "YWFh", count: 171)) == .tooLong)
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func anyBytesAreTaken(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let alphabet = Array("Basic :=+/YToAZ09-_\u{0}\té".utf8)
    for _ in 0..<300 {
      let tail = (0..<random.below(60)).map { _ in alphabet[random.below(alphabet.count)] }
      let field = random.below(2) == 0 ? Array("Basic ".utf8) + tail : tail
      field.withUnsafeBytes { _ = try? BasicCredentials.read($0) }
    }
  }
}

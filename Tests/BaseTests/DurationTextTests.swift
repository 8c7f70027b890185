import Base
import Testing

@Suite struct DurationTextTests {
  @Test(
    arguments: [
      (.zero, "0 ms"),
      (.nanoseconds(4999), "0 ms"),
      (.microseconds(5), "0.01 ms"),
      (.microseconds(42), "0.04 ms"),
      (.microseconds(94), "0.09 ms"),
      (.microseconds(99), "0.1 ms"),
      (.microseconds(412), "0.4 ms"),
      (.microseconds(1949), "1.9 ms"),
      (.milliseconds(3), "3 ms"),
      (.microseconds(9949), "9.9 ms"),
      (.microseconds(9950), "10 ms"),
      (.microseconds(10_400), "10 ms"),
      (.milliseconds(250), "250 ms"),
      (.microseconds(999_499), "999 ms"),
      (.microseconds(999_500), "1s"),
      (.milliseconds(1040), "1s"),
      (.milliseconds(1500), "1.5s"),
      (.milliseconds(9949), "9.9s"),
      (.milliseconds(9950), "10s"),
      (.milliseconds(41_999), "41s"),
      (.seconds(60), "1m"),
      (.seconds(61), "1m1s"),
      (.seconds(59 * 60 + 59), "59m59s"),
      (.seconds(3600), "1h"),
      (.seconds(3600 + 59), "1h"),
      (.seconds(3 * 3600 + 12 * 60 + 5), "3h12m"),
      (.seconds(86_400), "1d"),
      (.seconds(5 * 86_400 + 3 * 3600), "5d3h"),
      (.seconds(400 * 86_400), "400d"),
      (.seconds(-41), "-41s"),
      (.seconds(Int64.max), "106751d23h"),
    ] as [(Duration, String)])
  func inWords(duration: Duration, text: String) {
    #expect(duration.text == text)
  }
}

import Formats
import Foundation
import Testing

@Suite("RFC 3339")
struct RFC3339Tests {
    @Test(
        "A time is read, with an offset and with a fraction",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2026-11-30T08:00:00Z", 1_796_025_600),
            ("2024-02-29T23:59:59Z", 1_709_251_199),
            ("2026-11-30T10:30:00+02:30", 1_796_025_600), ("2026-11-30T00:00:00-08:00", 1_796_025_600),
            ("1969-12-31T23:59:59Z", -1), ("2026-11-30T08:00:00.25Z", 1_796_025_600.25),
            ("2026-11-30T08:00:00.123456789Z", 1_796_025_600.123456789), ("0000-01-01T00:00:00Z", -62_167_219_200),
            ("2026-11-30T08:00:00-00:00", 1_796_025_600),
        ] as [(String, Double)])
    func read(text: String, seconds: Double) {
        #expect(RFC3339.date(text)?.timeIntervalSince1970 == seconds)
    }

    @Test(
        "What no calendar has, and what has anything else, is refused",
        arguments: [
            "2026-02-31T00:00:00Z", "2025-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z",
            "2026-01-01T00:00:00Zx", "2026-01-01T00:00:00Z ", " 2026-01-01T00:00:00Z", "2026-01-01T00:00:00",
            "2026-01-01", "2026-01-01 00:00:00Z", "2026-01-01t00:00:00Z", "2026-01-01T00:00:00z", "2026-1-01T00:00:00Z",
            "+026-01-01T00:00:00Z", "2026-01-01T00:00Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00,5Z",
            "2026-01-01T00:00:00+0200", "2026-01-01T00:00:00+02", "2026-01-01T00:00:00+24:00",
            "9999-12-31T23:59:59-00:01", "0000-01-01T00:00:00+00:01",
            "2026-01-01T00:00:00+00:60",
            "2026-01-01T00:00:00+02:00Z", "２026-01-01T00:00:00Z", "",
            "2026-01-01T00:00:00." + String(repeating: "1", count: 100) + "Z",
        ])
    func refused(text: String) { #expect(RFC3339.date(text) == nil) }

    @Test("A time is written in UTC, to the second that it lies in")
    func write() {
        #expect(RFC3339.text(Date(timeIntervalSince1970: 1_796_025_600.999)) == "2026-11-30T08:00:00Z")
        #expect(RFC3339.text(Date(timeIntervalSince1970: -0.5)) == "1969-12-31T23:59:59Z")
        #expect(RFC3339.text(milliseconds: 1_796_025_600_007) == "2026-11-30T08:00:00.007Z")
        #expect(RFC3339.text(milliseconds: -250) == "1969-12-31T23:59:59.750Z")
        #expect(RFC3339.text(milliseconds: -1_000) == "1969-12-31T23:59:59.000Z")
        #expect(RFC3339.text(milliseconds: .max) == "9999-12-31T23:59:59.807Z")
        #expect(RFC3339.text(.distantFuture) == "4001-01-01T00:00:00Z")
        #expect(RFC3339.text(Date(timeIntervalSince1970: .infinity)) == "9999-12-31T23:59:59Z")
        for seconds in stride(from: -2e9, to: 6e9, by: 12_345_678) {
            let date = Date(timeIntervalSince1970: seconds)
            #expect(RFC3339.text(date) == date.formatted(.iso8601))
            #expect(RFC3339.date(RFC3339.text(date)) == date)
        }
    }
}

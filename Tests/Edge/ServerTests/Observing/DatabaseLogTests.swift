import Foundation
import Logging
import Storage
import Testing

@testable import Server

@Suite("What the log says of PostgreSQL's connections")
struct DatabaseLogTests {
    private let recorder = LogRecorder()
    private let start = ContinuousClock.now

    private var told: [String] {
        recorder.lines.filter { !$0.hasPrefix("debug") }.map { String($0.prefix { $0 != "." }) }
    }

    @Test("One line when the database is out of reach and one when it is back, however often it was tried")
    func once() {
        let log = DatabaseLog(recorder.logger)
        log(.connected, at: start)
        #expect(told == [])
        for second in 0..<60 {
            log(.lost(reason: "r"), at: start + .seconds(second))
            log(.notConnected(reason: "r"), at: start + .seconds(second))
        }
        #expect(told == ["error The database cannot be reached"])
        for _ in 0..<8 { log(.connected, at: start + .seconds(61)) }
        #expect(told == ["error The database cannot be reached", "notice The database can be reached again"])
        #expect(recorder.lines.last?.contains("61") == true)
    }

    @Test("A connection that is made again at once is not worth a line")
    func single() {
        let log = DatabaseLog(recorder.logger)
        log(.lost(reason: "r"), at: start)
        log(.connected, at: start)
        #expect(told == [])
    }

    @Test("A database that comes and goes is told of every ten seconds at most, and a longer loss always")
    func flapping() {
        let log = DatabaseLog(recorder.logger)
        for tenths in 0..<99 {
            log(.notConnected(reason: "r"), at: start + .milliseconds(100 * tenths))
            log(.connected, at: start + .milliseconds(100 * tenths + 50))
        }
        #expect(told.count == 2)
        log(.notConnected(reason: "r"), at: start + .seconds(11))
        #expect(told.count == 3)
    }
}

import Broker
import Foundation
import TestSupport
import Testing

@testable import Installation

@Suite("The file of checkpoints")
struct CheckpointFileTests {
    private let folder: TemporaryFolder
    private let file: CheckpointFile
    private let key = CheckpointKey()

    init() throws {
        folder = try TemporaryFolder()
        file = CheckpointFile(folder.file("checkpoints"))
    }

    private func checkpoint(_ sequence: Int64) throws -> Checkpoint {
        try Checkpoint(
            AuditHead(sequence: sequence, hash: Array(repeating: UInt8(truncatingIfNeeded: sequence), count: 32)),
            at: Date(timeIntervalSince1970: 1_760_000_000), signedBy: key)
    }

    private func add(_ text: String) throws {
        let handle = try FileHandle(forWritingTo: file.url)
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(text.utf8))
        try handle.close()
    }

    @Test("The last checkpoint is found at the end of a long file, and the next one follows it")
    func last() throws {
        #expect(try file.last() == nil)
        for sequence in 1...40 {
            let next = try checkpoint(Int64(sequence))
            try file.append(next)
            #expect(try file.last() == next)
        }
        #expect(try file.read().map(\.head.sequence) == Array(1...40))
    }

    @Test("Neither what precedes the end is read, nor what lies before it changed")
    func endOnly() throws {
        let damage = String(repeating: "x", count: 10_000) + "\n"
        try Data(damage.utf8).write(to: file.url)
        let first = try checkpoint(1)
        try file.append(first)
        #expect(try file.last() == first)
        #expect(try String(contentsOf: file.url, encoding: .utf8) == damage + first.line + "\n")
        #expect(throws: InvalidSetting.self) { try file.read() }
    }

    @Test("An incomplete line is no checkpoint, and the next one takes its place")
    func incomplete() throws {
        let (first, second) = (try checkpoint(1), try checkpoint(2))
        try file.append(first)
        try add(String(second.line.dropLast(9)))
        #expect(try file.last() == first)
        try file.append(second)
        #expect(try file.read() == [first, second])
        try Data(first.line.utf8.prefix(20)).write(to: file.url)
        #expect(try file.last() == nil)
        try file.append(second)
        #expect(try file.read() == [second])
    }

    @Test("A file whose end is no checkpoint is told, and not written to")
    func foreign() throws {
        try Data("something else\n".utf8).write(to: file.url)
        #expect(throws: InvalidSetting.self) { try file.last() }
        let long = Data(repeating: UInt8(ascii: "x"), count: 5_000)
        try long.write(to: file.url)
        #expect(throws: InvalidSetting.self) { try file.last() }
        #expect(throws: InvalidSetting.self) { try file.append(try checkpoint(1)) }
        #expect(try Data(contentsOf: file.url) == long)
    }
}

import Broker
import Concurrency
import Evidence
import EvidenceSupport
import SimulatedHardware
import TestSupport
import Testing

@testable import Endorsements

@Suite("What stands in line at a vendor's")
struct VendorQueueTests {
    /// A vendor that lets one certificate through in ten seconds.
    private final class SlowVendor: Sendable {
        private let state = Lock((last: ContinuousClock.Instant?.none, asked: 0))
        private let time: ManualTime
        private let saysWhen: Bool

        init(_ time: ManualTime, saysWhen: Bool) { (self.time, self.saysWhen) = (time, saysWhen) }

        var asked: Int { state.withLock { $0.asked } }

        func answer(_ document: EndorsementDocument) -> VendorQueue.Answer {
            let now = time.time.now()
            return state.withLock { state in
                state.asked += 1
                if let last = state.last, last.duration(to: now) < .seconds(10) {
                    let left = Duration.seconds(10) - last.duration(to: now)
                    let seconds = Int(left.components.seconds) + (left.components.attoseconds > 0 ? 1 : 0)
                    return .later(
                        EndorsementUnavailable("slowly", retryAfter: saysWhen ? seconds : nil), isLimit: true)
                }
                state.last = now
                return .final(.success(document))
            }
        }
    }

    @Test(
        "Twelve new hosts have their certificates when a slow vendor could have given them, whether it says when or not",
        arguments: [true, false])
    func fleet(saysWhen: Bool) async throws {
        let time = ManualTime()
        let vendor = SlowVendor(time, saysWhen: saysWhen)
        let queue = VendorQueue(VendorQueue.Limits(), time: time.time)
        let document = EndorsementDocument(try Simulated.vcek.certificate, named: EndorsementName("chip"))
        try await withThrowingTaskGroup { group in
            for host in 0..<12 {
                group.addTask {
                    // A guest waits 25 seconds, and is started again when it was told to be.
                    while true {
                        do {
                            return try await queue.document(
                                EndorsementName("chip \(host)"), for: "host \(host)", within: .seconds(25),
                                admitting: {}
                            ) { vendor.answer(document) }
                        } catch let error as EndorsementUnavailable {
                            try await time.time.sleep(.milliseconds(100 * (error.retryAfter ?? 1)))
                        }
                    }
                }
            }
            for try await found in group { #expect(found == document) }
        }
        // Eleven pauses of ten seconds, and a third more: tasks take their turns in any order.
        #expect(time.passed >= .seconds(110) && time.passed <= .seconds(150), "\(time.passed)")
        #expect(vendor.asked <= (saysWhen ? 40 : 160))
    }

    private func absent(_ path: String) -> VendorQueue.Answer {
        .final(.failure(EndorsementUnavailable("\(path) is not")))
    }

    @Test("However many a few addresses want, and however slowly they are answered, another one's turn comes")
    func turns() async throws {
        let time = ManualTime(passesBySleeping: false)
        let queue = VendorQueue(VendorQueue.Limits(), time: time.time)
        let document = EndorsementDocument(try Simulated.vcek.certificate, named: EndorsementName("chip"))
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for address in 0..<3 {
                for chip in 0..<60 {
                    group.addTask {
                        _ = try? await queue.document(
                            EndorsementName("\(address)/\(chip)"), for: "\(address)", within: .seconds(25),
                            admitting: {}
                        ) {
                            for await _ in gate {}
                            return .final(.failure(EndorsementUnavailable("made up")))
                        }
                    }
                }
            }
            while await queue.waiting < 180 { try await Task.sleep(for: .milliseconds(1)) }
            let found = try await queue.document(
                EndorsementName("mine"), for: "me", within: .seconds(25), admitting: {}
            ) {
                .final(.success(document))
            }
            #expect(found == document)
            open.finish()
            time.advance(by: .seconds(3_600))
            group.cancelAll()
        }
    }

    @Test("What was asked for when the guest hung up is there for its next try, once")
    func goesOn() async throws {
        let queue = VendorQueue(VendorQueue.Limits(), time: ManualTime().time)
        let document = EndorsementDocument(try Simulated.vcek.certificate, named: EndorsementName("chip"))
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let asked = Lock(0)
        @Sendable func ask() async throws -> EndorsementDocument {
            try await queue.document(EndorsementName("chip"), for: "host", within: .seconds(25), admitting: {}) {
                asked.withLock { $0 += 1 }
                for await _ in gate {}
                return .final(.success(document))
            }
        }
        let first = Task { try await ask() }
        while await queue.waiting < 1 { try await Task.sleep(for: .milliseconds(1)) }
        first.cancel()
        await #expect(throws: CancellationError.self) { try await first.value }
        open.finish()
        while await queue.isBusy { try await Task.sleep(for: .milliseconds(1)) }
        #expect(try await ask() == document)
        #expect(asked.withLock { $0 } == 1)
        #expect(try await ask() == document)
        #expect(asked.withLock { $0 } == 2)
    }

    @Test("When all room is taken, whoever has the most makes room for another")
    func room() async throws {
        var limits = VendorQueue.Limits()
        limits.wanted = 8
        let time = ManualTime(passesBySleeping: false)
        let queue = VendorQueue(limits, time: time.time)
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        defer { open.finish() }
        @Sendable func want(_ path: String, _ cause: String) async -> String? {
            do {
                _ = try await queue.document(EndorsementName(path), for: cause, within: .seconds(25), admitting: {}) {
                    for await _ in gate {}
                    return .final(.failure(EndorsementUnavailable("made up")))
                }
                return nil
            } catch { return "\(error)" }
        }
        await withTaskGroup(of: String?.self) { group in
            for chip in 0..<8 { group.addTask { await want("\(chip)", "many") } }
            while await queue.waiting < 8 { await Task.yield() }
            group.addTask { await want("mine", "me") }
            // One of the eight goes.
            #expect(await group.next() == "too many certificates are being fetched")
            #expect(await queue.waiting == 8)
            group.cancelAll()
        }
    }

    @Test("There are no more requests in a minute than may be, whoever wants them")
    func pace() async throws {
        let time = ManualTime()
        let queue = VendorQueue(VendorQueue.Limits(), time: time.time)
        for number in 0..<180 {
            let path = "\(number)"
            await #expect(throws: EndorsementUnavailable.self) {
                try await queue.document(EndorsementName(path), for: path, within: .seconds(25), admitting: {}) {
                    absent(path)
                }
            }
        }
        // Sixty at once, and two in a second.
        #expect(time.passed >= .seconds(59) && time.passed <= .seconds(61))
    }
}

import Bytes
import Concurrency
import Evidence
import EvidenceSupport
import Foundation
import SimulatedHardware
import TestSupport

/// A folder that acts as configfs-tsm does, with simulated hardware behind it. The attributes that the kernel
/// acts upon are named pipes, so that reading the report waits for it, as it does in the kernel.
final class SimulatedTSM: Sendable {
    /// What may be wrong with it.
    struct Behaviour: Sendable {
        var provider = "sev_guest"
        /// In how many entries another program writes too.
        var intrusions = 0
        /// In how many entries it does so after the report is read, so that the certificates cannot be.
        var lateIntrusions = 0
        /// Makes the report's bytes from what the guest asked.
        var report: @Sendable (_ reportData: [UInt8], _ vmpl: UInt32) throws -> [UInt8]
        var table: [UInt8] = []
    }

    let folder: TemporaryFolder
    private let behaviour: Behaviour
    private let isStopped = Lock(false)
    private let entries = Lock<Set<String>>([])

    var path: String { folder.url.path }
    /// How many requests were made.
    var requests: Int { entries.withLock { $0.count } }
    /// Requests that were not removed.
    var leftovers: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] }

    init(_ behaviour: Behaviour) throws {
        folder = try TemporaryFolder()
        self.behaviour = behaviour
        Thread.detachNewThread { [weak self] in
            while let self, !self.isStopped.withLock({ $0 }) {
                for name in self.leftovers where self.entries.withLock({ $0.insert(name).inserted }) {
                    Thread.detachNewThread { self.serve(name) }
                }
                usleep(2_000)
            }
        }
    }

    func stop() { isStopped.withLock { $0 = true } }

    private func serve(_ name: String) {
        let entry = folder.file(name).path
        func put(_ attribute: String, _ bytes: [UInt8]) {
            try? Data(bytes).write(to: URL(filePath: "\(entry)/\(attribute)"))
        }
        // In place, one digit over another: a file that is written anew is empty for a moment, which the kernel's never is.
        func number(_ value: Int) {
            let file = open("\(entry)/generation", O_WRONLY | O_CREAT, 0o600)
            defer { close(file) }
            _ = Array("\(value)\n".utf8).withUnsafeBytes { pwrite(file, $0.baseAddress, $0.count, 0) }
        }
        number(0)
        put("privlevel", [])
        put("auxblob", behaviour.table)
        if requests <= behaviour.lateIntrusions { put("auxblob.busy", []) }
        mkfifo("\(entry)/inblob", 0o600)
        mkfifo("\(entry)/outblob", 0o600)
        let input = open("\(entry)/inblob", O_RDONLY | O_NONBLOCK)
        defer { close(input) }
        // The guest goes on when it is there, so it must not be there empty.
        put("provider.new", Array("\(behaviour.provider)\n".utf8))
        rename("\(entry)/provider.new", "\(entry)/provider")

        var asked: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 256)
        while asked.count < 64, !isStopped.withLock({ $0 }) {
            let count = read(input, &chunk, chunk.count)
            if count > 0 { asked += chunk.prefix(count) } else { usleep(1_000) }
        }
        let level = (try? String(contentsOfFile: "\(entry)/privlevel", encoding: .utf8)).flatMap(UInt32.init)
        let intruded = requests <= behaviour.intrusions
        number(1 + (level == nil ? 0 : 1) + (intruded ? 1 : 0))
        guard let report = try? behaviour.report(asked, level ?? 0) else { return }
        var output: Int32 = -1
        while output < 0, !isStopped.withLock({ $0 }) {
            output = open("\(entry)/outblob", O_WRONLY | O_NONBLOCK)
            if output < 0 { usleep(1_000) }
        }
        _ = report.withUnsafeBytes { write(output, $0.baseAddress, $0.count) }
        close(output)
    }
}

/// A host's certificate table, as the GHCB specification lays it out.
enum HostTable {
    static let vcek = "63da758de6644564adc5f4b93be8accd"
    static let ask = "4ab7b379bbac4fe4a02f05aef327c782"
    static let ark = "c0b406a4a803495297433fb6014cd0ae"

    static func bytes(_ entries: [(guid: String, content: [UInt8])]) -> [UInt8] {
        var offset = (entries.count + 1) * 24
        var head: [UInt8] = []
        for entry in entries {
            head += Hex.decode(entry.guid) ?? []
            head += UInt32(offset).littleEndianBytes + UInt32(entry.content.count).littleEndianBytes
            offset += entry.content.count
        }
        return head + [UInt8](repeating: 0, count: 24) + entries.flatMap(\.content)
    }

    static func simulated() throws -> [UInt8] {
        try bytes([
            (ark, Simulated.snp.ark.der), (ask, Simulated.snp.ask.der), (vcek, Simulated.vcek.certificate.der),
        ])
    }
}

extension Simulated {
    /// What the simulated chip signs for a guest that was launched with a workload's image.
    static func report(_ workload: String, _ reportData: [UInt8], vmpl: UInt32 = 0) throws -> [UInt8] {
        var template = ReportTemplate(of: try snp, tcb: tcb)
        template.measurement = measurement(workload)
        template.reportData = reportData
        template.vmpl = vmpl
        return try template.signed(by: vcek)
    }
}

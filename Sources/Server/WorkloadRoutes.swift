import Broker
import Evidence
public import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import NIOFoundationEssentialsCompat
import VirteeDialect

/// What an operator sees of a workload. Never its secret.
public struct WorkloadSummary: Codable, Sendable {
    public let id: String
    public let tee: String
    /// In hex.
    public let launchMeasurement: String
    /// The policy that the configuration amounts to: SNP's 64 bits, or SEV's flags.
    public let policy: String
    public let teeConfig: String
    public let registered: Date

    enum CodingKeys: String, CodingKey {
        case id, tee, policy, registered
        case launchMeasurement = "launch_measurement"
        case teeConfig = "tee_config"
    }

    init(_ workload: Workload) {
        id = workload.id.text
        tee = workload.launch.tee.rawValue
        launchMeasurement = Hex.encode(workload.launch.measurement)
        policy =
            switch workload.launch {
            case .snp(_, let policy): "0x" + String(policy.rawValue, radix: 16)
            case .sev(_, let policy):
                "0x\(String(policy.flags.rawValue, radix: 16)), firmware \(policy.minimumFirmware.major)."
                    + "\(policy.minimumFirmware.minor) or later"
            }
        teeConfig = workload.configuration
        registered = workload.registered
    }
}

/// A page of workloads.
struct WorkloadPage: Codable {
    let workloads: [WorkloadSummary]
}

/// `/api/v1/workloads`: what `kbs workload list|show|remove --url` uses.
struct WorkloadRoutes: Sendable {
    static let pageSize = 100

    let broker: Broker
    let store: any Store
    let gate: RegistrationGate

    func addRoutes(to router: Router<KBSRequestContext>) {
        let calls = router.group("api/v1/workloads")
        calls.get("") { request, context in
            try gate.admit(request, from: context.remoteAddress)
            let start = request.uri.queryParameters.get("after") ?? ""
            let page = try await store.workloads(after: start, limit: Self.pageSize)
            return try Response(encoding: WorkloadPage(workloads: page.map(WorkloadSummary.init)))
        }
        calls.get("**") { request, context in
            try gate.admit(request, from: context.remoteAddress)
            let id = try request.workloadID
            guard let workload = try await store.workload(id) else { throw Refusal.notRegistered(id) }
            return try Response(encoding: WorkloadSummary(workload))
        }
        calls.delete("**") { request, context in
            try gate.admit(request, from: context.remoteAddress)
            let id = try request.workloadID
            guard try await broker.remove(id) else { throw Refusal.notRegistered(id) }
            return Response(status: .noContent)
        }
        calls.refuseOtherMethods(on: "", than: [.get])
        calls.refuseOtherMethods(on: "**", than: [.get, .delete])
    }
}

extension Refusal {
    /// To an operator who asks for a workload that is not there.
    static func notRegistered(_ id: some CustomStringConvertible) -> Refusal {
        Refusal(.workloadUnknown, "The workload \(id) is not registered.")
    }
}

extension Request {
    fileprivate var workloadID: WorkloadID {
        get throws(Refusal) { try WorkloadID(path(after: "/api/v1/workloads/")) }
    }
}

extension Response {
    fileprivate init(encoding value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        encoder.dateEncodingStrategy = .iso8601
        self.init(
            status: .ok, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(data: try encoder.encode(value))))
    }
}

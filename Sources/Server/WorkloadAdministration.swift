public import AsyncHTTPClient
public import Broker
public import Foundation
import NIOCore
import NIOHTTP1
import Storage
import VirteeDialect

/// A workload's fields as an operator gives them.
public struct NewWorkload: Sendable {
    public let id: String
    /// In hex.
    public let measurement: String
    public let configuration: String
    public let secret: Secret

    public init(id: String, measurement: String, configuration: String, secret: Secret) {
        self.id = id
        self.measurement = measurement
        self.configuration = configuration
        self.secret = secret
    }
}

/// What `kbs workload` does, on a data folder or over HTTP.
public protocol WorkloadAdministration: Sendable {
    func add(_ workload: NewWorkload, replacing: Bool) async throws
    func list() async throws -> [WorkloadSummary]
    func show(_ id: String) async throws -> WorkloadSummary
    func remove(_ id: String) async throws
}

/// Works on the files. A server may run on them at the same time, and sees changes at once.
public struct LocalAdministration: WorkloadAdministration {
    private let folder: DataFolder
    private let broker: Broker

    public init(_ folder: DataFolder) {
        self.folder = folder
        broker = Broker(store: folder.store, endorsements: NoEndorsements(), keys: folder.keys)
    }

    public func add(_ workload: NewWorkload, replacing: Bool) async throws {
        try await broker.register(
            Registration(
                workloadID: workload.id, launchMeasurement: workload.measurement, teeConfig: workload.configuration,
                secret: workload.secret), replacing: replacing)
    }

    public func list() async throws -> [WorkloadSummary] {
        try await pages {
            try await folder.store.workloads(after: $0, limit: WorkloadRoutes.pageSize).map(WorkloadSummary.init)
        }
    }

    public func show(_ id: String) async throws -> WorkloadSummary {
        guard let workload = try await folder.store.workload(try WorkloadID(id)) else {
            throw Refusal.notRegistered(id)
        }
        return WorkloadSummary(workload)
    }

    public func remove(_ id: String) async throws {
        guard try await broker.remove(try WorkloadID(id)) else { throw Refusal.notRegistered(id) }
    }
}

/// Asks a running server.
public struct RemoteAdministration: WorkloadAdministration {
    private let base: String
    private let client: HTTPClient

    /// - Parameter url: the server's, without a path.
    public init(url: URL, client: HTTPClient) {
        let text = url.absoluteString
        base = text.hasSuffix("/") ? String(text.dropLast()) : text
        self.client = client
    }

    /// The server decides about replacing, by its setting.
    public func add(_ workload: NewWorkload, replacing: Bool) async throws {
        if !replacing {
            guard try await !exists(workload.id) else {
                throw Refusal(
                    .workloadExists, "The workload \(workload.id) is registered: add --replace to replace it.")
            }
        }
        let passphrase = workload.secret.withBytes { String(validating: $0, as: UTF8.self) }
        guard let passphrase else {
            throw Refusal(
                .invalidField, "The secret is not UTF-8, so it cannot be sent: use --data on the server itself.")
        }
        let body = try JSONEncoder().encode([
            "workload_id": workload.id, "launch_measurement": workload.measurement,
            "tee_config": workload.configuration, "passphrase": passphrase,
        ])
        _ = try await send(.POST, "/kbs/v0/register_workload", body)
    }

    public func list() async throws -> [WorkloadSummary] {
        try await pages { start in
            let query = start.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
            return try decode(WorkloadPage.self, try await send(.GET, "/api/v1/workloads?after=\(query)")).workloads
        }
    }

    public func show(_ id: String) async throws -> WorkloadSummary {
        try decode(WorkloadSummary.self, try await send(.GET, "/api/v1/workloads/\(try WorkloadID(id))"))
    }

    public func remove(_ id: String) async throws {
        _ = try await send(.DELETE, "/api/v1/workloads/\(try WorkloadID(id))")
    }

    private func exists(_ id: String) async throws -> Bool {
        do {
            _ = try await show(id)
            return true
        } catch let failure as RemoteFailure where failure.status == 404 {
            return false
        }
    }

    private func send(_ method: HTTPMethod, _ path: String, _ body: Data? = nil) async throws -> Data {
        var request = HTTPClientRequest(url: base + path)
        request.method = method
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(body)
        }
        let response = try await client.execute(request, timeout: .seconds(30))
        let reply = Data(try await response.body.collect(upTo: 1 << 26).readableBytesView)
        guard (200..<300).contains(response.status.code) else {
            throw RemoteFailure(
                status: response.status.code,
                description: "the server answered \(response.status.code): \(String(decoding: reply, as: UTF8.self))")
        }
        return reply
    }

    private func decode<T: Decodable>(_ type: T.Type, _ data: Data) throws -> T {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        return try decoder.decode(type, from: data)
    }
}

/// What a server answered instead.
public struct RemoteFailure: Error, CustomStringConvertible {
    public let status: UInt
    public let description: String
}

private func pages(_ page: (String) async throws -> [WorkloadSummary]) async throws -> [WorkloadSummary] {
    var all: [WorkloadSummary] = []
    while true {
        let next = try await page(all.last?.id ?? "")
        guard !next.isEmpty else { return all }
        all += next
    }
}

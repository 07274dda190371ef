public import Broker
public import Bytes
public import Evidence
public import FoundationEssentials

/// What an operator can do, in the terms of the administration API. One implementation works on a server's own
/// store, the other asks a running server; the command line does not care which it has.
public protocol Administrator: TrailSource {
    func workloads(after id: String, search: String, limit: Int) async throws -> WorkloadPage
    func workload(_ id: String) async throws -> WorkloadSummary
    /// - Parameter replacing: whether there may be one.
    /// - Returns: the workload as it was registered.
    func register(_ workload: NewWorkload, replacing: Bool) async throws -> WorkloadSummary
    func setDisabled(_ isDisabled: Bool, workload id: String) async throws
    func removeWorkload(_ id: String) async throws
    /// Holds recorded evidence against a workload or a policy. Nothing is released.
    func appraise(_ evidence: RecordedEvidence, against subject: AppraisalSubject) async throws -> VerdictRecord

    func policies(after name: String, limit: Int) async throws -> PolicyPage
    func policy(_ name: String) async throws -> PolicySummary
    /// - Parameter document: TOML.
    func setPolicy(_ name: String, document: String) async throws -> PolicySummary
    func removePolicy(_ name: String) async throws

    /// What a change would mean for the guests that were seen. Nothing is changed.
    ///
    /// - Parameter span: how far back guests are looked at, in seconds.
    func impact(_ draft: ImpactDraft, span: TimeInterval) async throws -> ImpactSummary

    /// What was seen of the machines that guests ran on.
    ///
    /// - Parameters:
    ///   - span: how far back attempts are looked at, in seconds.
    ///   - floors: a product and a version, as `milan=04.00.22.213`, several with commas between them: only machines under
    ///     them are told of. `nil`: all, and how they stand to the server's own floors.
    func fleet(span: TimeInterval, under floors: String?) async throws -> FleetSummary

    func referenceValues(after name: String, limit: Int) async throws -> ReferenceValuesPage
    func referenceValues(_ name: String) async throws -> ReferenceValuesSummary
    /// - Parameter keeping: for how long the values that are there count on, in seconds; `nil` lets them go.
    func setReferenceValues(_ set: ReferenceValueSet, keeping: TimeInterval?) async throws -> ReferenceValuesSummary
    func addReferenceValues(_ addition: ReferenceAddition, to name: String) async throws -> ReferenceValuesSummary
    func retireReferenceValues(_ name: String, _ retirement: ReferenceRetirement) async throws
        -> ReferenceValuesSummary
    /// What became of a set, latest first.
    ///
    /// - Parameter version: changes before this one.
    func referenceHistory(_ name: String, before version: String?, limit: Int) async throws -> ReferenceHistoryPage
    func removeReferenceValues(_ name: String) async throws

    func resources(after path: String, search: String, limit: Int) async throws -> ResourcePage
    func resource(_ path: ResourcePath) async throws -> ResourceSummary
    /// Those that are kept, latest first.
    func versions(ofResource path: ResourcePath) async throws -> ResourceVersionList
    /// Puts the next version of a resource.
    ///
    /// - Parameters:
    ///   - policy: `nil` leaves what is there.
    ///   - replacing: whether there may be one.
    func putResource(
        _ path: ResourcePath, _ secret: Secret, policy: PolicyChoice?, replacing: Bool
    ) async throws -> ResourceSummary
    /// Puts random bytes as a resource, which nobody sees.
    ///
    /// - Parameter replacing: whether it is the next version of one that there is.
    func generateResource(
        _ path: ResourcePath, _ wish: GeneratedResource, replacing: Bool
    ) async throws -> ResourceSummary
    func editResource(_ path: ResourcePath, _ edit: ResourceEdit) async throws -> ResourceSummary
    func removeResource(_ path: ResourcePath) async throws

    func sessions(_ selection: SessionSelection, after id: String, limit: Int) async throws -> SessionPage
    /// - Returns: how many there were.
    func endSessions(_ selection: SessionSelection) async throws -> Int

    func attempts(_ selection: AttemptSelection, before id: Int64?, limit: Int) async throws -> AttemptPage
    func attempt(_ id: Int64) async throws -> AttemptDetail

    func tokens() async throws -> TokenList
    /// - Parameter lifetime: in seconds.
    func createToken(_ role: Authority, description: String, lifetime: TimeInterval) async throws -> NewToken
    func revokeToken(_ id: String) async throws

    /// The vendors' documents that are kept.
    func endorsements(after fingerprint: String, limit: Int) async throws -> EndorsementPage
    func endorsement(_ fingerprint: String) async throws -> EndorsementDetail
    func removeEndorsement(_ fingerprint: String) async throws

    /// What is denied.
    func denials(after name: String, limit: Int) async throws -> DenialPage
    /// - Returns: the denial as it is now.
    func deny(_ endorser: Endorser, reason: String) async throws -> DenialSummary
    func allow(_ endorser: Endorser) async throws
}

/// A workload's fields as an operator gives them.
public struct NewWorkload: Sendable {
    public let id: String
    public let launch: Launch
    public let secret: Secret

    /// What its guests must be.
    public enum Launch: Sendable {
        /// - Parameter measurement: in hex.
        case measurement(String, configuration: String)
        /// Whatever the policy of that name says.
        case policy(String)
    }

    public init(id: String, launch: Launch, secret: Secret) {
        (self.id, self.launch, self.secret) = (id, launch, secret)
    }
}

extension Administrator {
    /// Every workload whose id holds the text.
    public func allWorkloads(search: String = "") async throws -> [WorkloadSummary] {
        var all: [WorkloadSummary] = []
        while true {
            let page = try await workloads(after: all.last?.id ?? "", search: search, limit: 1_000)
            all += page.workloads
            if page.next == nil { return all }
        }
    }

    /// Every document that is kept.
    public func allEndorsements() async throws -> [EndorsementSummary] {
        var all: [EndorsementSummary] = []
        while true {
            let page = try await endorsements(after: all.last?.fingerprint ?? "", limit: 1_000)
            all += page.endorsements
            if page.next == nil { return all }
        }
    }
}

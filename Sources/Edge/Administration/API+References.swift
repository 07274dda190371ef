import Broker
import Bytes
import Formats
import HTTP
import HTTPEdge

/// Reference values: changed by admins and by registrars of a scope, read by all roles.
extension AdministrationAPI {
    var referenceValues: [Call] {
        let one = "reference-values/:set"
        return [
            call(
                .get, "reference-values", .readPolicies, checksNames: true,
                Operation(
                    "listReferenceValueSets", "List the sets of reference values",
                    "In the order of their names, a page at a time.", query: [.after("name"), .limit]), ok: "A page."
            ) { request, admission in
                try await request.page(summary, within: admission, .policy, by: \.set.name.text) {
                    try await library.references(after: $0, limit: $1)
                }
            },
            call(
                .get, one, .readPolicies, checksNames: true,
                Operation("readReferenceValues", "Read a set of reference values"), ok: "The set."
            ) { request, admission in summary(try await library.references(try request.set(admission))) },
            call(
                .put, one, .changeReferences, checksNames: true,
                Operation(
                    "setReferenceValues", "Set a set of reference values",
                    "It applies at once to the policies that name it.", headers: [.ifMatch, .ifNoneMatch],
                    body: .json(Schema(of: NewReferenceValues.self))), replaced: "Replaced.", new: "New."
            ) { request, admission in
                let name = try request.set(admission)
                let message: NewReferenceValues = try await request.message()
                let done = try await library.set(
                    try message.set(name), keeping: message.keepPrevious, expecting: try request.revisionExpectation(),
                    by: admission.actor)
                return (summary(done.stored), !done.replaced)
            },
            call(
                .patch, one, .changeReferences, checksNames: true,
                Operation(
                    "retireReferenceValues", "Let values of a set expire",
                    "Guests that match only expired values are refused with that reason. An expiry is never postponed.",
                    headers: [.ifMatch], body: .json(Schema(of: ReferenceRetirement.self))), ok: "The set."
            ) { request, admission in
                let name = try request.set(admission)
                let message: ReferenceRetirement = try await request.message()
                let retired = try await library.change(
                    name, by: try message.edit { try admission.policy($0) },
                    expecting: try request.revisionExpectation(), by: admission.actor)
                return summary(retired.stored)
            },
            call(
                .post, "\(one)/values", .changeReferences, checksNames: true,
                Operation(
                    "addReferenceValues", "Add values to a set",
                    "The given values, or the one in an attempt's evidence. A missing set is created.",
                    headers: [.ifMatch, .ifNoneMatch], body: .json(Schema(of: AddedReferenceValues.self))
                ), replaced: "Added.", new: "A new set."
            ) { request, admission in
                let name = try request.set(admission)
                let message: AddedReferenceValues = try await request.message()
                let expected = try request.revisionExpectation()
                let done = try await add(message, to: name, expecting: expected, admission)
                return (summary(done.stored), !done.replaced)
            },
            call(
                .get, "\(one)/history", .readPolicies, checksNames: true,
                Operation(
                    "readReferenceHistory", "Read the changes of a set",
                    "Latest first, the last 200 changes; also of a removed set.",
                    query: [
                        .init(
                            "before", "Only changes before this version.",
                            Schema(["type": "integer", "format": "int64", "minimum": 1])), .limit,
                    ]), ok: "A page."
            ) { request, admission in
                let name = try request.set(admission)
                let before = try request.query["before"].map {
                    guard let revision = Revision($0) else {
                        throw Refusal(.invalidField, "before is a version of the set, a whole number.")
                    }
                    return revision
                }
                return try await request.page(ReferenceChangeSummary.init, next: \.revision.description) {
                    try await library.history(of: name, before: before, limit: $0)
                }
            },
            call(
                .delete, one, .changeReferences, checksNames: true,
                Operation(
                    "removeReferenceValues", "Remove a set of reference values", "Refused while a policy names it.",
                    headers: [.ifMatch], failures: [.conflict]), done: "Removed."
            ) { request, admission in
                try await library.removeReferences(
                    try request.set(admission), expecting: try request.revisionExpectation(), by: admission.actor)
            },
        ]
    }

    private func summary(_ stored: StoredReferenceValues) -> ReferenceValuesSummary {
        ReferenceValuesSummary(stored, at: now())
    }

    private func add(
        _ message: AddedReferenceValues, to name: PolicyName, expecting expected: Revision.Expectation?,
        _ admission: Admission
    ) async throws -> (stored: StoredReferenceValues, replaced: Bool) {
        let kind = message.kind ?? .measurement
        switch (message.values, message.attempt, message.value) {
        case (let values?, nil, nil):
            return try await library.add(
                try values.map { try $0.value(of: kind) }, of: kind, to: name, expecting: expected,
                by: admission.actor)
        case (nil, let id?, let stated):
            // Attempts may belong to other scopes.
            guard admission.reach == .everything else {
                throw Refusal(
                    .forbidden,
                    "Your role has a scope, and attempts can be read without a scope only: give the value itself.")
            }
            guard id > 0 else { throw Refusal(.invalidField, "attempt is the number of an attempt, from 1.") }
            guard let attempt = try await store.attempt(id) else { throw Refusal.noAttempt(id) }
            let value = try ReferenceValue(seenIn: attempt, as: kind)
            if let text = stated, try kind.bytes(text) != value.bytes {
                throw Refusal(
                    .invalidField,
                    "Attempt \(id) shows the \(kind.rawValue) \(kind.text(value.bytes)) and not "
                        + "\(text.prefix(128)): check it."
                )
            }
            return try await library.add(
                [value], of: kind, to: name, expecting: expected, details: ["attempt": "\(id)"], by: admission.actor)
        default: throw Refusal(.malformed, "Either values must be given, or attempt, with value or without.")
        }
    }
}

extension Request {
    /// The set in the path, within the caller's reach.
    fileprivate func set(_ admission: Admission) throws(Refusal) -> PolicyName {
        try admission.policy(try parameter("set"))
    }
}

import Broker
public import Bytes
public import Formats
import HTTP

/// The description of the API for programs (OpenAPI 3.1), made from its calls.
public struct APIDescription: Sendable {
    public let title: String
    public let detail: String
    /// The schemas of the names in paths.
    public let names: [ExactText: Schema]
    /// The schema of failures.
    public let failure: Schema

    public init(title: String, detail: String, names: [ExactText: Schema], failure: Schema) {
        self.title = title
        self.detail = detail
        self.names = names
        self.failure = failure
    }

    /// The document: every call with an operation.
    public func document(_ calls: [Call]) -> JSONValue {
        let described = calls.filter { $0.operation != nil }
        var paths: JSONValue = .object([])
        var definitions = failure.definitions
        for (template, calls) in Self.grouped(described) {
            var item: JSONValue = .object([])
            if let names = calls.first?.path.names, !names.isEmpty {
                item["parameters"] = .array(names.map { parameter($0) })
            }
            for call in calls {
                guard let operation = call.operation else { continue }
                item[call.method.rawValue.lowercased()] = Self.item(operation, call)
                for schema in operation.schemas { definitions.merge(schema.definitions) { $1 } }
            }
            paths[template] = item
        }
        return [
            "openapi": "3.1.0", "info": ["title": .text(title), "version": "1.0.0", "description": .text(detail)],
            "servers": [["url": "/"]], "security": [["bearer": []], ["basic": []]], "paths": paths,
            "components": [
                "securitySchemes": [
                    "bearer": [
                        "type": "http", "scheme": "bearer",
                        "description": "A token of `kbs token create`, or a JWT of the configured issuer.",
                    ],
                    "basic": [
                        "type": "http", "scheme": "basic",
                        "description": "Any user name, and a token as the password.",
                    ],
                ],
                "responses": [
                    "Problem": [
                        "description": "The request was not carried out; `code` and `detail` say why.",
                        "content": ["application/problem+json": ["schema": failure.json]],
                    ]
                ],
                "schemas": JSONValue(definitions),
            ],
        ]
    }

    /// By path, in the order of the calls.
    private static func grouped(_ calls: [Call]) -> [(String, [Call])] {
        var groups: [(String, [Call])] = []
        for call in calls {
            let template = call.path.template
            if let index = groups.firstIndex(where: { ExactText($0.0) == ExactText(template) }) {
                groups[index].1.append(call)
            } else {
                groups.append((template, [call]))
            }
        }
        return groups
    }

    private func parameter(_ name: String) -> JSONValue {
        [
            "name": .text(name), "in": "path", "required": true,
            "schema": names[ExactText(name)]?.json ?? ["type": "string"],
        ]
    }

    private static func item(_ operation: Operation, _ call: Call) -> JSONValue {
        var responses: JSONValue = .object([])
        for reply in operation.replies { responses["\(reply.status.code)"] = item(reply) }
        for status in failures(operation, call) where responses["\(status)"] == nil {
            responses["\(status)"] = ["$ref": "#/components/responses/Problem"]
        }
        let roles = call.right.map { right in
            let roles = [Role.registrar, .auditor, .admin].filter { $0.allows(right.permission) }.map(\.rawValue)
            return "Role: "
                + ([roles.dropLast().joined(separator: ", "), roles.last ?? ""].filter { !$0.isEmpty }
                    .joined(separator: " or ")) + (call.checksNames ? "; with a scope, for names in it." : ".")
        }
        var item: JSONValue = [
            "operationId": .text(operation.id), "summary": .text(operation.summary),
            "description": .text([operation.detail, roles ?? ""].filter { !$0.isEmpty }.joined(separator: " ")),
            "tags": [.text(call.label)], "responses": responses,
        ]
        let parameters =
            operation.query.map { self.item($0, in: "query") } + operation.headers.map { self.item($0, in: "header") }
        if !parameters.isEmpty { item["parameters"] = .array(parameters) }
        switch operation.body {
        case nil: break
        case .json(let schema):
            item["requestBody"] = ["required": true, "content": ["application/json": ["schema": schema.json]]]
        case .bytes(let detail):
            item["requestBody"] = [
                "required": true, "description": .text(detail),
                "content": [
                    "application/octet-stream": ["schema": ["type": "string", "format": "binary", "minLength": 1]]
                ],
            ]
        }
        return item
    }

    private static func item(_ parameter: Operation.Parameter, in place: String) -> JSONValue {
        [
            "name": .text(parameter.name.text), "in": .text(place), "description": .text(parameter.detail),
            "schema": parameter.schema.json,
        ]
    }

    private static func item(_ reply: Operation.Reply) -> JSONValue {
        var item: JSONValue = ["description": .text(reply.detail)]
        if !reply.headers.isEmpty {
            var headers: JSONValue = .object([])
            for header in reply.headers {
                headers[header.name] = ["description": .text(header.detail), "schema": ["type": "string"]]
            }
            item["headers"] = headers
        }
        item["content"] = reply.schema().map { ["application/json": ["schema": $0.json]] }
        return item
    }

    /// The statuses of failures that follow from the call's declaration.
    private static func failures(_ operation: Operation, _ call: Call) -> [Int] {
        var statuses = [400, 401, 403, 429, 503] + operation.failures.map(\.code)
        if !call.path.names.isEmpty { statuses.append(404) }
        if !operation.headers.isEmpty { statuses.append(412) }
        switch operation.body {
        case nil: break
        case .json: statuses += [413, 415]
        case .bytes: statuses.append(413)
        }
        return Set(statuses).sorted()
    }
}

extension Operation {
    fileprivate var schemas: [Schema] {
        let body: Schema? = if case .json(let schema)? = body { schema } else { nil }
        return query.map(\.schema) + replies.compactMap { $0.schema() } + [body].compactMap(\.self)
    }
}

// swift-format-ignore-file

/// The description of the administration API for programs, as `/openapi.json` gives it. Tests and
/// scripts/check-openapi hold it against the running server.
package enum OpenAPI {
    package static let document = #"""
        {
          "openapi": "3.1.0",
          "info": {
            "title": "swift-kbs administration",
            "version": "1.0.0",
            "summary": "Workloads, resources, sessions, attempts, tokens and the audit trail of a key broker.",
            "description": "A caller proves itself with an access token or a JWT (`Authorization: Bearer`), with a token as the password of HTTP Basic, or with a client certificate. A fresh installation that listens on loopback takes callers from the same machine without. Errors are problem documents (RFC 9457). The guests' own calls are under /kbs/v0 and are not described here."
          },
          "servers": [{"url": "/"}],
          "security": [{"bearer": []}, {"basic": []}],
          "tags": [
            {"name": "workloads"},
            {"name": "resources"},
            {"name": "sessions"},
            {"name": "attempts"},
            {"name": "tokens"},
            {"name": "audit"},
            {"name": "endorsements"},
            {"name": "policies"},
            {"name": "server"}
          ],
          "paths": {
            "/api/v1/workloads": {
              "get": {
                "operationId": "listWorkloads",
                "summary": "List workloads",
                "description": "In the order of their ids, a page at a time. Role: registrar, auditor or admin.",
                "tags": ["workloads"],
                "responses": {
                  "200": {
                    "description": "A page.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/WorkloadPage"}}}
                  },
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"}
                },
                "parameters": [
                  {"name": "after", "in": "query", "description": "Begin after this id.", "schema": {"type": "string"}},
                  {
                    "name": "search",
                    "in": "query",
                    "description": "Only ids that hold this text.",
                    "schema": {"type": "string"}
                  },
                  {"$ref": "#/components/parameters/limit"}
                ]
              },
              "post": {
                "operationId": "createWorkload",
                "summary": "Register a workload",
                "description": "Its secret is sealed and durable before the answer; it is never shown again. Role: registrar or admin.",
                "tags": ["workloads"],
                "responses": {
                  "201": {
                    "description": "Registered.",
                    "headers": {
                      "ETag": {"description": "The workload's version, for If-Match.", "schema": {"type": "string"}},
                      "Location": {"description": "Where it is.", "schema": {"type": "string"}}
                    },
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Workload"}}}
                  },
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"},
                  "409": {"$ref": "#/components/responses/Problem"},
                  "413": {"$ref": "#/components/responses/Problem"},
                  "415": {"$ref": "#/components/responses/Problem"}
                },
                "requestBody": {
                  "required": true,
                  "content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewWorkload"}}}
                }
              }
            },
            "/api/v1/workloads/{workload}": {
              "parameters": [{"$ref": "#/components/parameters/workload"}],
              "get": {
                "operationId": "readWorkload",
                "summary": "Read a workload",
                "description": "Never its secret. Role: registrar, auditor or admin.",
                "tags": ["workloads"],
                "responses": {
                  "200": {
                    "description": "The workload.",
                    "headers": {"ETag": {"description": "The workload's version, for If-Match.", "schema": {"type": "string"}}},
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Workload"}}}
                  },
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"},
                  "404": {"$ref": "#/components/responses/Problem"}
                }
              },
              "put": {
                "operationId": "replaceWorkload",
                "summary": "Register or replace a workload",
                "description": "Replacing ends the challenges and sessions of what was there. Role: registrar or admin.",
                "tags": ["workloads"],
                "responses": {
                  "200": {
                    "description": "Replaced.",
                    "headers": {"ETag": {"description": "The workload's version, for If-Match.", "schema": {"type": "string"}}},
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Workload"}}}
                  },
                  "201": {
                    "description": "Registered.",
                    "headers": {
                      "ETag": {"description": "The workload's version, for If-Match.", "schema": {"type": "string"}},
                      "Location": {"description": "Where it is.", "schema": {"type": "string"}}
                    },
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Workload"}}}
                  },
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"},
                  "404": {"$ref": "#/components/responses/Problem"},
                  "409": {"$ref": "#/components/responses/Problem"},
                  "412": {"$ref": "#/components/responses/Problem"},
                  "413": {"$ref": "#/components/responses/Problem"},
                  "415": {"$ref": "#/components/responses/Problem"}
                },
                "parameters": [
                  {"$ref": "#/components/parameters/ifMatch"},
                  {
                    "name": "If-None-Match",
                    "in": "header",
                    "description": "`*`: only if there is none.",
                    "schema": {"type": "string", "enum": ["*"]}
                  }
                ],
                "requestBody": {
                  "required": true,
                  "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Replacement"}}}
                }
              },
              "patch": {
                "operationId": "changeWorkload",
                "summary": "Disable or enable a workload",
                "description": "A disabled workload's guests get nothing, at once. Role: admin.",
                "tags": ["workloads"],
                "responses": {
                  "200": {
                    "description": "Changed.",
                    "headers": {"ETag": {"description": "The workload's version, for If-Match.", "schema": {"type": "string"}}},
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Workload"}}}
                  },
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"},
                  "404": {"$ref": "#/components/responses/Problem"},
                  "412": {"$ref": "#/components/responses/Problem"},
                  "413": {"$ref": "#/components/responses/Problem"},
                  "415": {"$ref": "#/components/responses/Problem"}
                },
                "parameters": [{"$ref": "#/components/parameters/ifMatch"}],
                "requestBody": {
                  "required": true,
                  "content": {"application/json": {"schema": {"$ref": "#/components/schemas/WorkloadChange"}}}
                }
              },
              "delete": {
                "operationId": "removeWorkload",
                "summary": "Remove a workload",
                "description": "With its secret and its sessions. Role: registrar or admin.",
                "tags": ["workloads"],
                "responses": {
                  "204": {"description": "Removed."},
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"},
                  "404": {"$ref": "#/components/responses/Problem"},
                  "412": {"$ref": "#/components/responses/Problem"}
                },
                "parameters": [{"$ref": "#/components/parameters/ifMatch"}]
              }
            },
            "/api/v1/appraisals": {
              "post": {
                "operationId": "appraise",
                "summary": "Hold recorded evidence against a workload or a policy",
                "description": "Nothing is released, and whether the evidence is fresh is not looked at. Role: registrar, auditor or admin.",
                "tags": ["workloads"],
                "responses": {
                  "200": {
                    "description": "Every check.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Verdict"}}}
                  },
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"},
                  "404": {"$ref": "#/components/responses/Problem"},
                  "413": {"$ref": "#/components/responses/Problem"},
                  "415": {"$ref": "#/components/responses/Problem"}
                },
                "requestBody": {
                  "required": true,
                  "content": {"application/json": {"schema": {"$ref": "#/components/schemas/AppraisalRequest"}}}
                }
              }
            },
            "/api/v1/sessions": {
              "get": {
                "operationId": "listSessions",
                "summary": "List the sessions of attested guests",
                "description": "Those that have not expired. Role: auditor or admin.",
                "tags": ["sessions"],
                "responses": {
                  "200": {
                    "description": "A page.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/SessionPage"}}}
                  },
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"}
                },
                "parameters": [
                  {
                    "name": "workload",
                    "in": "query",
                    "description": "Only those of this workload.",
                    "schema": {
                      "type": "string",
                      "pattern": "^(?!.*\\.\\.)[A-Za-z0-9._:/@+-]{1,128}$",
                      "description": "1 to 128 characters, without `..`."
                    }
                  },
                  {
                    "name": "chip",
                    "in": "query",
                    "description": "Only those of this chip, in hex; with workload: of both.",
                    "schema": {"type": "string", "pattern": "^([0-9a-fA-F]{2}){1,64}$"}
                  },
                  {
                    "name": "issuer",
                    "in": "query",
                    "description": "Only those for which this other verifier vouches.",
                    "schema": {"type": "string", "maxLength": 1024}
                  },
                  {
                    "name": "after",
                    "in": "query",
                    "description": "Begin after this session.",
                    "schema": {"type": "string", "pattern": "^([0-9a-fA-F]{32})?$"}
                  },
                  {"$ref": "#/components/parameters/limit"}
                ]
              },
              "delete": {
                "operationId": "endSessions",
                "summary": "End all sessions, or all of a workload or of a chip",
                "description": "With workload and chip, those of the workload on the chip; `all` is given alone. Role: admin.",
                "tags": ["sessions"],
                "responses": {
                  "200": {
                    "description": "How many there were.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/EndedSessions"}}}
                  },
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"}
                },
                "parameters": [
                  {
                    "name": "workload",
                    "in": "query",
                    "description": "Those of this workload.",
                    "schema": {
                      "type": "string",
                      "pattern": "^(?!.*\\.\\.)[A-Za-z0-9._:/@+-]{1,128}$",
                      "description": "1 to 128 characters, without `..`."
                    }
                  },
                  {
                    "name": "chip",
                    "in": "query",
                    "description": "Those of this chip, in hex.",
                    "schema": {"type": "string", "pattern": "^([0-9a-fA-F]{2}){1,64}$"}
                  },
                  {
                    "name": "issuer",
                    "in": "query",
                    "description": "Those for which this other verifier vouches.",
                    "schema": {"type": "string", "maxLength": 1024}
                  },
                  {
                    "name": "all",
                    "in": "query",
                    "description": "Every session that there is.",
                    "schema": {"type": "string", "enum": ["true"]}
                  }
                ]
              }
            },
            "/api/v1/sessions/{session}": {
              "parameters": [
                {
                  "name": "session",
                  "in": "path",
                  "required": true,
                  "schema": {"type": "string", "pattern": "^[0-9a-fA-F]{32}$"}
                }
              ],
              "delete": {
                "operationId": "endSession",
                "summary": "End a session",
                "description": "Its guest must attest again. Role: admin.",
                "tags": ["sessions"],
                "responses": {
                  "204": {"description": "Ended."},
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"},
                  "404": {"$ref": "#/components/responses/Problem"}
                }
              }
            },
            "/api/v1/attempts": {
              "get": {
                "operationId": "listAttempts",
                "summary": "List attempts to attest and to get resources",
                "description": "Latest first; refused ones too. Role: auditor or admin.",
                "tags": ["attempts"],
                "responses": {
                  "200": {
                    "description": "A page.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/AttemptPage"}}}
                  },
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"}
                },
                "parameters": [
                  {
                    "name": "workload",
                    "in": "query",
                    "description": "Only those for this workload, or for the resource with this path.",
                    "schema": {"type": "string"}
                  },
                  {
                    "name": "outcome",
                    "in": "query",
                    "description": "Only those that ended so.",
                    "schema": {"type": "string", "enum": ["accepted", "refused"]}
                  },
                  {
                    "name": "before",
                    "in": "query",
                    "description": "Begin before this attempt.",
                    "schema": {"type": "integer", "format": "int64", "minimum": 0}
                  },
                  {"$ref": "#/components/parameters/limit"}
                ]
              }
            },
            "/api/v1/attempts/{attempt}": {
              "parameters": [
                {
                  "name": "attempt",
                  "in": "path",
                  "required": true,
                  "schema": {"type": "integer", "format": "int64", "minimum": 1}
                }
              ],
              "get": {
                "operationId": "readAttempt",
                "summary": "Read an attempt with every check",
                "description": "What was expected, what was found, and what to do. Role: auditor or admin.",
                "tags": ["attempts"],
                "responses": {
                  "200": {
                    "description": "The attempt.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/AttemptDetail"}}}
                  },
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"},
                  "404": {"$ref": "#/components/responses/Problem"}
                }
              }
            },
            "/api/v1/tokens": {
              "get": {
                "operationId": "listTokens",
                "summary": "List access tokens",
                "description": "Expired and revoked ones too, never what proves them. Role: admin.",
                "tags": ["tokens"],
                "responses": {
                  "200": {
                    "description": "All of them.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/TokenList"}}}
                  },
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"}
                }
              },
              "post": {
                "operationId": "createToken",
                "summary": "Make an access token",
                "description": "Its text is in the answer, and cannot be had again. Role: admin.",
                "tags": ["tokens"],
                "responses": {
                  "201": {
                    "description": "Made.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewToken"}}}
                  },
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"},
                  "413": {"$ref": "#/components/responses/Problem"},
                  "415": {"$ref": "#/components/responses/Problem"}
                },
                "requestBody": {
                  "required": true,
                  "content": {"application/json": {"schema": {"$ref": "#/components/schemas/TokenRequest"}}}
                }
              }
            },
            "/api/v1/tokens/{token}": {
              "parameters": [
                {
                  "name": "token",
                  "in": "path",
                  "required": true,
                  "schema": {"type": "string", "pattern": "^[0-9a-f]{12}$"}
                }
              ],
              "delete": {
                "operationId": "revokeToken",
                "summary": "Revoke an access token",
                "description": "At once. Role: admin.",
                "tags": ["tokens"],
                "responses": {
                  "204": {"description": "Revoked."},
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"},
                  "404": {"$ref": "#/components/responses/Problem"}
                }
              }
            },
            "/api/v1/audit": {
              "get": {
                "operationId": "readAudit",
                "summary": "Read the audit trail",
                "description": "In its order, with the hashes that chain it. Role: auditor or admin.",
                "tags": ["audit"],
                "responses": {
                  "200": {
                    "description": "A page.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/AuditPage"}}}
                  },
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"}
                },
                "parameters": [
                  {
                    "name": "after",
                    "in": "query",
                    "description": "Begin after this record.",
                    "schema": {"type": "integer", "format": "int64", "minimum": 0}
                  },
                  {"$ref": "#/components/parameters/limit"}
                ]
              }
            },
            "/api/v1/audit/checkpoint": {
              "get": {
                "operationId": "readCheckpoint",
                "summary": "Sign where the trail is now",
                "description": "To be kept where the server's administrators cannot change it. Role: auditor or admin.",
                "tags": ["audit"],
                "responses": {
                  "200": {
                    "description": "A checkpoint.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Checkpoint"}}}
                  },
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"}
                }
              }
            },
            "/api/v1/endorsements": {
              "get": {
                "operationId": "listEndorsements",
                "summary": "List the vendors' documents that are kept",
                "description": "In the order of their fingerprints. Role: auditor or admin.",
                "tags": ["endorsements"],
                "responses": {
                  "200": {
                    "description": "A page.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/EndorsementPage"}}}
                  },
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"}
                },
                "parameters": [
                  {
                    "name": "after",
                    "in": "query",
                    "description": "Begin after this fingerprint.",
                    "schema": {"type": "string", "pattern": "^([0-9a-fA-F]{64})?$"}
                  },
                  {"$ref": "#/components/parameters/limit"}
                ]
              }
            },
            "/api/v1/endorsements/{fingerprint}": {
              "parameters": [
                {
                  "name": "fingerprint",
                  "in": "path",
                  "required": true,
                  "schema": {"type": "string", "pattern": "^[0-9a-fA-F]{64}$"}
                }
              ],
              "get": {
                "operationId": "readEndorsement",
                "summary": "Read a document",
                "description": "With the certificates above whoever signed it. Role: auditor or admin.",
                "tags": ["endorsements"],
                "responses": {
                  "200": {
                    "description": "The document.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/EndorsementDetail"}}}
                  },
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"},
                  "404": {"$ref": "#/components/responses/Problem"}
                }
              },
              "delete": {
                "operationId": "removeEndorsement",
                "summary": "Forget a document",
                "description": "It is found anew when it is needed. Role: admin.",
                "tags": ["endorsements"],
                "responses": {
                  "204": {"description": "Removed."},
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"},
                  "404": {"$ref": "#/components/responses/Problem"}
                }
              }
            },
            "/api/v1/denials": {
              "get": {
                "operationId": "listDenials",
                "summary": "List the chips and keys that are denied",
                "description": "In the order of their kinds and ids. Role: auditor or admin.",
                "tags": ["endorsements"],
                "responses": {
                  "200": {
                    "description": "A page.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/DenialPage"}}}
                  },
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"}
                },
                "parameters": [
                  {
                    "name": "after",
                    "in": "query",
                    "description": "Begin after this: its kind, a slash and its id.",
                    "schema": {"type": "string"}
                  },
                  {"$ref": "#/components/parameters/limit"}
                ]
              }
            },
            "/api/v1/denials/{endorser}": {
              "parameters": [
                {
                  "name": "endorser",
                  "in": "path",
                  "required": true,
                  "description": "chip/ and a chip's id in hex (64 bytes; Turin 8; of an SEV chip 32, the fingerprint of its CEK's key), or key/ and SHA-256 of a key's SubjectPublicKeyInfo. The slash may stand as it is.",
                  "schema": {
                    "type": "string",
                    "pattern": "^(chip/(?!0+$)([0-9a-fA-F]{16}|[0-9a-fA-F]{64}|[0-9a-fA-F]{128})|key/[0-9a-fA-F]{64})$"
                  }
                }
              ],
              "put": {
                "operationId": "deny",
                "summary": "Deny a chip or a key",
                "description": "At once and for everyone: no guest that rests on it is attested, and none that was is given anything. Role: admin.",
                "tags": ["endorsements"],
                "responses": {
                  "200": {
                    "description": "Denied.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Denial"}}}
                  },
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"},
                  "413": {"$ref": "#/components/responses/Problem"},
                  "415": {"$ref": "#/components/responses/Problem"}
                },
                "requestBody": {
                  "required": true,
                  "content": {"application/json": {"schema": {"$ref": "#/components/schemas/DenialRequest"}}}
                }
              },
              "delete": {
                "operationId": "allow",
                "summary": "Take a denial back",
                "description": "Role: admin.",
                "tags": ["endorsements"],
                "responses": {
                  "204": {"description": "Allowed."},
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"},
                  "404": {"$ref": "#/components/responses/Problem"}
                }
              }
            },
            "/api/v1/resources": {
              "get": {
                "operationId": "listResources",
                "summary": "List the resources",
                "description": "In the order of their paths, a page at a time. Never what they hold. Role: registrar, auditor or admin.",
                "tags": ["resources"],
                "responses": {
                  "200": {
                    "description": "A page.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ResourcePage"}}}
                  },
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"}
                },
                "parameters": [
                  {"name": "after", "in": "query", "description": "Begin after this path.", "schema": {"type": "string"}},
                  {"name": "search", "in": "query", "description": "Only those whose path holds this.", "schema": {"type": "string"}},
                  {"$ref": "#/components/parameters/limit"}
                ]
              }
            },
            "/api/v1/resources/{repository}/{type}/{tag}": {
              "parameters": [
                {"$ref": "#/components/parameters/repository"},
                {"$ref": "#/components/parameters/type"},
                {"$ref": "#/components/parameters/tag"}
              ],
              "get": {
                "operationId": "readResource",
                "summary": "Read what there is to know of a resource",
                "description": "Never what it holds. Role: registrar, auditor or admin.",
                "tags": ["resources"],
                "responses": {
                  "200": {
                    "description": "It.",
                    "headers": {"ETag": {"description": "The resource's version, for If-Match.", "schema": {"type": "string"}}},
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Resource"}}}
                  },
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"},
                  "404": {"$ref": "#/components/responses/Problem"}
                }
              },
              "put": {
                "operationId": "putResource",
                "summary": "Put the next version of a resource",
                "description": "It is given out from then on, to the guests whom the policy lets. Role: registrar or admin.",
                "tags": ["resources"],
                "responses": {
                  "200": {
                    "description": "The next version.",
                    "headers": {"ETag": {"description": "The resource's version, for If-Match.", "schema": {"type": "string"}}},
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Resource"}}}
                  },
                  "201": {
                    "description": "New.",
                    "headers": {"ETag": {"description": "The resource's version, for If-Match.", "schema": {"type": "string"}}},
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Resource"}}}
                  },
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"},
                  "409": {"$ref": "#/components/responses/Problem"},
                  "412": {"$ref": "#/components/responses/Problem"},
                  "413": {"$ref": "#/components/responses/Problem"}
                },
                "parameters": [
                  {
                    "name": "policy",
                    "in": "query",
                    "description": "The policy that decides who gets it; empty for none, which gives it to nobody. Without it, what is there stays.",
                    "schema": {"type": "string", "pattern": "^([A-Za-z0-9][A-Za-z0-9._-]{0,63})?$"}
                  },
                  {"$ref": "#/components/parameters/ifMatchVersion"},
                  {"$ref": "#/components/parameters/ifNoneMatch"}
                ],
                "requestBody": {
                  "required": true,
                  "description": "The bytes, as they are to be given out.",
                  "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary", "minLength": 1}}}
                }
              },
              "patch": {
                "operationId": "editResource",
                "summary": "Disable a resource, give it another policy or roll it back",
                "description": "Role: admin.",
                "tags": ["resources"],
                "responses": {
                  "200": {
                    "description": "It is so.",
                    "headers": {"ETag": {"description": "The resource's version, for If-Match.", "schema": {"type": "string"}}},
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Resource"}}}
                  },
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"},
                  "404": {"$ref": "#/components/responses/Problem"},
                  "412": {"$ref": "#/components/responses/Problem"},
                  "413": {"$ref": "#/components/responses/Problem"},
                  "415": {"$ref": "#/components/responses/Problem"}
                },
                "parameters": [{"$ref": "#/components/parameters/ifMatchVersion"}],
                "requestBody": {
                  "required": true,
                  "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ResourceEdit"}}}
                }
              },
              "delete": {
                "operationId": "removeResource",
                "summary": "Remove a resource with all its versions",
                "description": "Role: registrar or admin.",
                "tags": ["resources"],
                "responses": {
                  "204": {"description": "Removed."},
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"},
                  "404": {"$ref": "#/components/responses/Problem"},
                  "412": {"$ref": "#/components/responses/Problem"}
                },
                "parameters": [{"$ref": "#/components/parameters/ifMatchVersion"}]
              }
            },
            "/api/v1/resources/{repository}/{type}/{tag}/versions": {
              "parameters": [
                {"$ref": "#/components/parameters/repository"},
                {"$ref": "#/components/parameters/type"},
                {"$ref": "#/components/parameters/tag"}
              ],
              "get": {
                "operationId": "listResourceVersions",
                "summary": "List the versions of a resource that are kept",
                "description": "Latest first, never what they hold. Role: registrar, auditor or admin.",
                "tags": ["resources"],
                "responses": {
                  "200": {
                    "description": "All of them.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ResourceVersionList"}}}
                  },
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"},
                  "404": {"$ref": "#/components/responses/Problem"}
                }
              }
            },
            "/api/v1/policies": {
              "get": {
                "operationId": "listPolicies",
                "summary": "List the policies",
                "description": "In the order of their names, a page at a time. Role: registrar, auditor or admin.",
                "tags": ["policies"],
                "responses": {
                  "200": {
                    "description": "A page.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/PolicyPage"}}}
                  },
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"}
                },
                "parameters": [
                  {"name": "after", "in": "query", "description": "Begin after this name.", "schema": {"type": "string"}},
                  {"$ref": "#/components/parameters/limit"}
                ]
              }
            },
            "/api/v1/policies/{policy}": {
              "parameters": [{"$ref": "#/components/parameters/policy"}],
              "get": {
                "operationId": "readPolicy",
                "summary": "Read a policy",
                "description": "Role: registrar, auditor or admin.",
                "tags": ["policies"],
                "responses": {
                  "200": {
                    "description": "It.",
                    "headers": {"ETag": {"description": "The policy's version, for If-Match.", "schema": {"type": "string"}}},
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Policy"}}}
                  },
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "404": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"}
                }
              },
              "put": {
                "operationId": "setPolicy",
                "summary": "Set a policy",
                "description": "It decides over the resources that have it from then on. Role: admin.",
                "tags": ["policies"],
                "responses": {
                  "200": {
                    "description": "Replaced.",
                    "headers": {"ETag": {"description": "The policy's version, for If-Match.", "schema": {"type": "string"}}},
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Policy"}}}
                  },
                  "201": {
                    "description": "New.",
                    "headers": {"ETag": {"description": "The policy's version, for If-Match.", "schema": {"type": "string"}}},
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Policy"}}}
                  },
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "404": {"$ref": "#/components/responses/Problem"},
                  "412": {"$ref": "#/components/responses/Problem"},
                  "413": {"$ref": "#/components/responses/Problem"},
                  "415": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"}
                },
                "parameters": [
                  {"$ref": "#/components/parameters/ifMatchVersion"},
                  {"$ref": "#/components/parameters/ifNoneMatch"}
                ],
                "requestBody": {
                  "required": true,
                  "content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewPolicy"}}}
                }
              },
              "delete": {
                "operationId": "removePolicy",
                "summary": "Remove a policy",
                "description": "Not while something depends on it. Role: admin.",
                "tags": ["policies"],
                "responses": {
                  "204": {"description": "Removed."},
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "404": {"$ref": "#/components/responses/Problem"},
                  "409": {"$ref": "#/components/responses/Problem"},
                  "412": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"}
                },
                "parameters": [
                  {"$ref": "#/components/parameters/ifMatchVersion"}
                ]
              }
            },
            "/api/v1/reference-values": {
              "get": {
                "operationId": "listReferenceValueSets",
                "summary": "List the sets of reference values",
                "description": "In the order of their names, a page at a time. Role: registrar, auditor or admin.",
                "tags": ["policies"],
                "responses": {
                  "200": {
                    "description": "A page.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ReferenceValuesPage"}}}
                  },
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"}
                },
                "parameters": [
                  {"name": "after", "in": "query", "description": "Begin after this name.", "schema": {"type": "string"}},
                  {"$ref": "#/components/parameters/limit"}
                ]
              }
            },
            "/api/v1/reference-values/{set}": {
              "parameters": [{"$ref": "#/components/parameters/set"}],
              "get": {
                "operationId": "readReferenceValues",
                "summary": "Read a set of reference values",
                "description": "Role: registrar, auditor or admin.",
                "tags": ["policies"],
                "responses": {
                  "200": {
                    "description": "It.",
                    "headers": {"ETag": {"description": "The set's version, for If-Match.", "schema": {"type": "string"}}},
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ReferenceValues"}}}
                  },
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "404": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"}
                }
              },
              "put": {
                "operationId": "setReferenceValues",
                "summary": "Set a set of reference values",
                "description": "The policies that name it go by it from then on. Role: admin.",
                "tags": ["policies"],
                "responses": {
                  "200": {
                    "description": "Replaced.",
                    "headers": {"ETag": {"description": "The set's version, for If-Match.", "schema": {"type": "string"}}},
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ReferenceValues"}}}
                  },
                  "201": {
                    "description": "New.",
                    "headers": {"ETag": {"description": "The set's version, for If-Match.", "schema": {"type": "string"}}},
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ReferenceValues"}}}
                  },
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "404": {"$ref": "#/components/responses/Problem"},
                  "412": {"$ref": "#/components/responses/Problem"},
                  "413": {"$ref": "#/components/responses/Problem"},
                  "415": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"}
                },
                "parameters": [
                  {"$ref": "#/components/parameters/ifMatchVersion"},
                  {"$ref": "#/components/parameters/ifNoneMatch"}
                ],
                "requestBody": {
                  "required": true,
                  "content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewReferenceValues"}}}
                }
              },
              "delete": {
                "operationId": "removeReferenceValues",
                "summary": "Remove a set of reference values",
                "description": "Not while something depends on it. Role: admin.",
                "tags": ["policies"],
                "responses": {
                  "204": {"description": "Removed."},
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "404": {"$ref": "#/components/responses/Problem"},
                  "409": {"$ref": "#/components/responses/Problem"},
                  "412": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"}
                },
                "parameters": [
                  {"$ref": "#/components/parameters/ifMatchVersion"}
                ]
              }
            },
            "/api/v1/status": {
              "get": {
                "operationId": "readStatus",
                "summary": "How the server is",
                "description": "Version, counts and the end of the trail. Role: auditor or admin.",
                "tags": ["server"],
                "responses": {
                  "200": {
                    "description": "The status.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Status"}}}
                  },
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"}
                }
              }
            },
            "/api/v1/settings": {
              "get": {
                "operationId": "readSettings",
                "summary": "The settings in force",
                "description": "As an operator would write them; none is a secret. Role: admin.",
                "tags": ["server"],
                "responses": {
                  "200": {
                    "description": "Every setting.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Settings"}}}
                  },
                  "400": {"$ref": "#/components/responses/Problem"},
                  "401": {"$ref": "#/components/responses/Problem"},
                  "403": {"$ref": "#/components/responses/Problem"},
                  "429": {"$ref": "#/components/responses/Problem"},
                  "503": {"$ref": "#/components/responses/Problem"}
                }
              }
            }
          },
          "components": {
            "securitySchemes": {
              "bearer": {
                "type": "http",
                "scheme": "bearer",
                "description": "A token of `kbs token create`, or a JWT of the configured issuer."
              },
              "basic": {"type": "http", "scheme": "basic", "description": "Any user name, and a token as the password."}
            },
            "parameters": {
              "limit": {
                "name": "limit",
                "in": "query",
                "description": "How many at the most.",
                "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}
              },
              "workload": {
                "name": "workload",
                "in": "path",
                "required": true,
                "description": "The workload's id; its slashes as %2F or as they are.",
                "schema": {
                  "type": "string",
                  "pattern": "^(?!.*\\.\\.)[A-Za-z0-9._:/@+-]{1,128}$",
                  "description": "1 to 128 characters, without `..`."
                }
              },
              "repository": {
                "name": "repository",
                "in": "path",
                "required": true,
                "schema": {"type": "string", "pattern": "^(?!\\.{1,2}$)[A-Za-z0-9_.-]{1,100}$"}
              },
              "type": {
                "name": "type",
                "in": "path",
                "required": true,
                "schema": {"type": "string", "pattern": "^(?!\\.{1,2}$)[A-Za-z0-9_.-]{1,100}$"}
              },
              "tag": {
                "name": "tag",
                "in": "path",
                "required": true,
                "schema": {"type": "string", "pattern": "^(?!\\.{1,2}$)[A-Za-z0-9_.-]{1,100}$"}
              },
              "policy": {
                "name": "policy",
                "in": "path",
                "required": true,
                "schema": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"}
              },
              "set": {
                "name": "set",
                "in": "path",
                "required": true,
                "schema": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"}
              },
              "ifMatchVersion": {
                "name": "If-Match",
                "in": "header",
                "description": "Only if its ETag is this; `*`: only if there is one.",
                "schema": {"type": "string"}
              },
              "ifNoneMatch": {
                "name": "If-None-Match",
                "in": "header",
                "description": "`*`: only if there is none.",
                "schema": {"type": "string", "enum": ["*"]}
              },
              "ifMatch": {
                "name": "If-Match",
                "in": "header",
                "description": "Only if the workload's ETag is this.",
                "schema": {"type": "string"}
              }
            },
            "responses": {
              "Problem": {
                "description": "It was not done; `code` and `detail` say why.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
              }
            },
            "schemas": {
              "Problem": {
                "type": "object",
                "required": ["type", "title", "status", "detail", "code"],
                "properties": {
                  "type": {"type": "string", "format": "uri"},
                  "title": {"type": "string"},
                  "status": {"type": "integer"},
                  "detail": {"type": "string", "description": "A sentence that says what to do."},
                  "code": {"type": "string", "description": "Stable."}
                }
              },
              "Workload": {
                "type": "object",
                "required": ["id", "tee", "launch_measurement", "policy", "tee_config", "registered", "disabled", "version"],
                "properties": {
                  "id": {"type": "string"},
                  "tee": {"type": "string", "enum": ["snp", "sev"]},
                  "launch_measurement": {"type": "string", "pattern": "^[0-9a-f]*$", "description": "48 bytes for SNP, 32 for SEV."},
                  "policy": {"type": "string", "description": "What the configuration amounts to."},
                  "tee_config": {"type": "string", "description": "As it was registered."},
                  "registered": {"type": "string", "format": "date-time"},
                  "disabled": {"type": "boolean"},
                  "version": {"type": "string", "description": "The ETag without its quotation marks."},
                  "warnings": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "What its guests will be refused for; absent when nothing is known."
                  }
                }
              },
              "WorkloadPage": {
                "type": "object",
                "required": ["workloads"],
                "properties": {
                  "workloads": {"type": "array", "items": {"$ref": "#/components/schemas/Workload"}},
                  "next": {"type": "string", "description": "For `after`, when there are more."}
                }
              },
              "NewWorkload": {
                "allOf": [
                  {"$ref": "#/components/schemas/Replacement"},
                  {
                    "type": "object",
                    "required": ["id"],
                    "properties": {
                      "id": {
                        "type": "string",
                        "pattern": "^(?!.*\\.\\.)[A-Za-z0-9._:/@+-]{1,128}$",
                        "description": "1 to 128 characters, without `..`."
                      }
                    }
                  }
                ]
              },
              "Replacement": {
                "type": "object",
                "required": ["launch_measurement"],
                "oneOf": [{"required": ["secret"]}, {"required": ["secret_base64"]}],
                "properties": {
                  "launch_measurement": {"type": "string", "pattern": "^([0-9a-fA-F]{96}|[0-9a-fA-F]{64})$"},
                  "tee_config": {
                    "type": ["string", "null"],
                    "maxLength": 16384,
                    "description": "JSON text; what it permits is the widest that is accepted."
                  },
                  "secret": {
                    "type": "string",
                    "pattern": "^[^\\u0000]{1,61}$",
                    "writeOnly": true,
                    "description": "Up to 245 bytes for SNP and 512 for SEV, without zero bytes; any 61 characters fit."
                  },
                  "secret_base64": {
                    "type": "string",
                    "pattern": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
                    "minLength": 4,
                    "maxLength": 684,
                    "writeOnly": true,
                    "description": "The same, for a secret that is no text."
                  }
                }
              },
              "WorkloadChange": {"type": "object", "required": ["disabled"], "properties": {"disabled": {"type": "boolean"}}},
              "Session": {
                "type": "object",
                "required": ["id", "tee", "chip", "opened", "expires"],
                "properties": {
                  "id": {
                    "type": "string",
                    "pattern": "^[0-9a-f]*$",
                    "description": "32 digits; logs and the trail show the first eight."
                  },
                  "workload": {"type": "string", "description": "Absent for a guest that named none: policies decide what it gets."},
                  "tee": {"type": "string"},
                  "chip": {"type": "string", "pattern": "^[0-9a-f]*$", "description": "Empty when the host hides it."},
                  "opened": {"type": "string", "format": "date-time"},
                  "expires": {"type": "string", "format": "date-time"},
                  "issuer": {"type": "string", "description": "Of the verifier that vouches for the guest; absent when it attested here."}
                }
              },
              "SessionPage": {
                "type": "object",
                "required": ["sessions"],
                "properties": {
                  "sessions": {"type": "array", "items": {"$ref": "#/components/schemas/Session"}},
                  "next": {"type": "string"}
                }
              },
              "EndedSessions": {"type": "object", "required": ["ended"], "properties": {"ended": {"type": "integer", "minimum": 0}}},
              "Attempt": {
                "type": "object",
                "required": ["id", "time", "action", "workload", "tee", "session", "chip", "outcome", "failed", "count"],
                "properties": {
                  "id": {"type": "integer", "format": "int64"},
                  "time": {"type": "string", "format": "date-time"},
                  "action": {"type": "string", "description": "`guest.auth`, `guest.attest`, `platform.refuse` or `resource.release`."},
                  "workload": {
                    "type": "string",
                    "description": "The workload, or the path of the resource; empty for a guest that attests without saying what it wants."
                  },
                  "tee": {"type": "string"},
                  "session": {"type": "string"},
                  "chip": {"type": "string", "pattern": "^[0-9a-f]*$", "description": "A claim, unless the verdict is genuine."},
                  "outcome": {"type": "string", "enum": ["accepted", "refused"]},
                  "code": {"type": "string", "description": "Why it was refused."},
                  "sentence": {"type": "string", "description": "What the guest was told."},
                  "failed": {"type": "array", "items": {"type": "string"}, "description": "The checks that failed."},
                  "address": {"type": "string", "description": "Whose call it was."},
                  "request": {"type": "string", "description": "What its lines in the log have in common."},
                  "version": {"type": "string", "description": "Of the protocol, as the caller wrote it."},
                  "count": {"type": "integer", "description": "How often the same was refused, each within a minute of the one before."},
                  "last": {"type": "string", "format": "date-time", "description": "When it was last."}
                }
              },
              "AttemptPage": {
                "type": "object",
                "required": ["attempts"],
                "properties": {
                  "attempts": {"type": "array", "items": {"$ref": "#/components/schemas/Attempt"}},
                  "next": {"type": "integer", "format": "int64", "description": "For `before`, when there are more."}
                }
              },
              "AttemptDetail": {
                "type": "object",
                "required": ["attempt"],
                "properties": {
                  "attempt": {"$ref": "#/components/schemas/Attempt"},
                  "verdict": {"$ref": "#/components/schemas/Verdict"}
                }
              },
              "Verdict": {
                "type": "object",
                "required": ["genuine", "accepted", "checks"],
                "properties": {
                  "genuine": {"type": "boolean"},
                  "accepted": {"type": "boolean"},
                  "checks": {
                    "type": "array",
                    "items": {
                      "type": "object",
                      "required": ["check", "outcome", "expected", "found"],
                      "properties": {
                        "check": {"type": "string", "description": "Its stable name."},
                        "outcome": {"type": "string", "enum": ["passed", "failed", "unproven"]},
                        "expected": {"type": "string"},
                        "found": {"type": "string"},
                        "advice": {"type": "string", "description": "What can be done about it."}
                      }
                    }
                  }
                }
              },
              "AppraisalRequest": {
                "type": "object",
                "allOf": [
                  {"oneOf": [{"required": ["workload"]}, {"required": ["policy"]}, {"required": ["policy_document"]}]},
                  {"oneOf": [{"required": ["report"]}, {"required": ["evidence"]}]}
                ],
                "properties": {
                  "workload": {
                    "type": "string",
                    "pattern": "^(?!.*\\.\\.)[A-Za-z0-9._:/@+-]{1,128}$",
                    "description": "1 to 128 characters, without `..`."
                  },
                  "policy": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", "description": "One that is kept."},
                  "policy_document": {"type": "string", "maxLength": 65536, "description": "TOML, to be tried out."},
                  "report": {
                    "type": "string",
                    "pattern": "^([0-9a-fA-F]{2}){1184}$",
                    "description": "An SEV-SNP attestation report in hex."
                  },
                  "evidence": {
                    "type": "string",
                    "description": "JSON in a text, as an SEV-SNP guest sent it: the body of its POST /attest in either protocol, or its evidence alone. What it is bound to is looked at where it says so."
                  },
                  "init_data": {
                    "type": ["string", "null"],
                    "description": "Init data in TOML, where the evidence has none. Their digest must be HOST_DATA. For policies."
                  },
                  "certificates": {
                    "type": ["array", "null"],
                    "maxItems": 16,
                    "items": {"type": "string", "format": "byte"},
                    "description": "Certificates that go with it, DER."
                  }
                }
              },
              "Role": {"type": "string", "enum": ["registrar", "auditor", "admin"]},
              "Token": {
                "type": "object",
                "required": ["id", "role", "description", "created", "expires"],
                "properties": {
                  "id": {"type": "string"},
                  "role": {"$ref": "#/components/schemas/Role"},
                  "description": {"type": "string"},
                  "created": {"type": "string", "format": "date-time"},
                  "expires": {"type": "string", "format": "date-time"},
                  "revoked": {"type": "string", "format": "date-time"}
                }
              },
              "Denial": {
                "type": "object",
                "required": ["kind", "id"],
                "properties": {
                  "kind": {"type": "string", "enum": ["chip", "key"]},
                  "id": {"type": "string"},
                  "reason": {"type": "string", "description": "Absent, like actor and denied, when somebody has changed or removed the row that says so: it is denied nonetheless."},
                  "actor": {"type": "string"},
                  "denied": {"type": "string", "format": "date-time"}
                }
              },
              "DenialPage": {
                "type": "object",
                "required": ["denials"],
                "properties": {
                  "denials": {"type": "array", "items": {"$ref": "#/components/schemas/Denial"}},
                  "next": {"type": "string"}
                }
              },
              "DenialRequest": {
                "type": "object",
                "required": ["reason"],
                "properties": {
                  "reason": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$"}
                }
              },
              "TokenList": {
                "type": "object",
                "required": ["tokens"],
                "properties": {"tokens": {"type": "array", "items": {"$ref": "#/components/schemas/Token"}}}
              },
              "TokenRequest": {
                "type": "object",
                "required": ["role"],
                "properties": {
                  "role": {"$ref": "#/components/schemas/Role"},
                  "description": {"type": ["string", "null"], "maxLength": 64, "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$"},
                  "lifetime": {
                    "type": ["number", "null"],
                    "minimum": 1,
                    "maximum": 315360000,
                    "default": 7776000,
                    "description": "In seconds."
                  }
                }
              },
              "NewToken": {
                "type": "object",
                "required": ["token", "summary"],
                "properties": {
                  "token": {"type": "string", "description": "What proves it, this once."},
                  "summary": {"$ref": "#/components/schemas/Token"}
                }
              },
              "AuditPage": {
                "type": "object",
                "required": ["records"],
                "properties": {
                  "records": {
                    "type": "array",
                    "items": {
                      "type": "object",
                      "required": ["sequence", "record", "hash"],
                      "properties": {
                        "sequence": {"type": "integer", "format": "int64"},
                        "record": {"type": "string", "description": "Canonical JSON, to the letter."},
                        "hash": {
                          "type": "string",
                          "pattern": "^[0-9a-f]*$",
                          "description": "SHA-256 over the previous hash and this record."
                        }
                      }
                    }
                  },
                  "next": {"type": "integer", "format": "int64"}
                }
              },
              "Checkpoint": {
                "type": "object",
                "required": ["sequence", "hash", "time", "public_key", "signature"],
                "properties": {
                  "sequence": {"type": "integer", "format": "int64"},
                  "hash": {"type": "string", "pattern": "^[0-9a-f]*$", "description": "Of the record with this sequence."},
                  "time": {"type": "string", "format": "date-time"},
                  "public_key": {"type": "string", "pattern": "^[0-9a-f]*$", "description": "Ed25519."},
                  "signature": {
                    "type": "string",
                    "pattern": "^[0-9a-f]*$",
                    "description": "Over label, sequence, hash and time; docs/audit.md."
                  }
                }
              },
              "Endorsement": {
                "type": "object",
                "required": ["fingerprint", "name", "kind", "added"],
                "properties": {
                  "fingerprint": {"type": "string", "pattern": "^[0-9a-f]*$", "description": "SHA-256 of its bytes."},
                  "name": {"type": "string"},
                  "kind": {"type": "string", "enum": ["certificate"]},
                  "key": {
                    "type": "string",
                    "pattern": "^[0-9a-f]*$",
                    "description": "Of a certificate SHA-256 of its SubjectPublicKeyInfo: what it is denied by."
                  },
                  "good_until": {"type": "string", "format": "date-time", "description": "Absent when it does not say."},
                  "added": {"type": "string", "format": "date-time"}
                }
              },
              "EndorsementPage": {
                "type": "object",
                "required": ["endorsements"],
                "properties": {
                  "endorsements": {"type": "array", "items": {"$ref": "#/components/schemas/Endorsement"}},
                  "next": {"type": "string"}
                }
              },
              "EndorsementDetail": {
                "type": "object",
                "required": ["endorsement", "document", "issuers"],
                "properties": {
                  "endorsement": {"$ref": "#/components/schemas/Endorsement"},
                  "document": {"type": "string", "format": "byte"},
                  "issuers": {
                    "type": "array",
                    "items": {"type": "string", "format": "byte"},
                    "description": "The certificates above whoever signed it, the nearest first, DER."
                  }
                }
              },
              "Resource": {
                "type": "object",
                "required": ["path", "current", "latest", "size", "disabled", "created", "changed", "version"],
                "properties": {
                  "path": {"type": "string"},
                  "policy": {"type": "string", "description": "This policy decides who gets it. Absent: nobody does."},
                  "current": {"type": "integer", "description": "The number of the version that is given out."},
                  "latest": {"type": "integer", "description": "The number of the version that was put last."},
                  "size": {"type": "integer", "description": "Of the current version, in bytes."},
                  "disabled": {"type": "boolean"},
                  "created": {"type": "string", "format": "date-time"},
                  "changed": {"type": "string", "format": "date-time"},
                  "version": {"type": "string", "description": "The ETag without its quotation marks."}
                }
              },
              "ResourcePage": {
                "type": "object",
                "required": ["resources"],
                "properties": {
                  "resources": {"type": "array", "items": {"$ref": "#/components/schemas/Resource"}},
                  "next": {"type": "string", "description": "For `after`, when there are more."}
                }
              },
              "ResourceVersionList": {
                "type": "object",
                "required": ["versions"],
                "properties": {
                  "versions": {
                    "type": "array",
                    "items": {
                      "type": "object",
                      "required": ["number", "size", "stored", "current"],
                      "properties": {
                        "number": {"type": "integer"},
                        "size": {"type": "integer", "description": "In bytes."},
                        "stored": {"type": "string", "format": "date-time"},
                        "current": {"type": "boolean", "description": "Whether it is the one that is given out."},
                        "policy": {
                          "type": "string",
                          "description": "The policy that decides when it is given out; absent when nobody gets it."
                        }
                      }
                    }
                  }
                }
              },
              "ResourceEdit": {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": false,
                "properties": {
                  "disabled": {"type": "boolean"},
                  "policy": {
                    "type": ["string", "null"],
                    "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
                    "description": "`null`: nobody gets it."
                  },
                  "current": {"type": "integer", "minimum": 1, "description": "The number of a version that is kept."}
                }
              },
              "Policy": {
                "type": "object",
                "required": ["name", "description", "document", "explanation", "reference_values", "changed", "version"],
                "properties": {
                  "name": {"type": "string"},
                  "description": {"type": "string"},
                  "document": {"type": "string", "description": "TOML, as it was set. docs/policies.md says what may stand there."},
                  "explanation": {"type": "string", "description": "Who gets in, in words."},
                  "reference_values": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "The sets that it names."
                  },
                  "changed": {"type": "string", "format": "date-time"},
                  "version": {"type": "string", "description": "The ETag without its quotation marks."}
                }
              },
              "PolicyPage": {
                "type": "object",
                "required": ["policies"],
                "properties": {
                  "policies": {"type": "array", "items": {"$ref": "#/components/schemas/Policy"}},
                  "next": {"type": "string", "description": "For `after`, when there are more."}
                }
              },
              "NewPolicy": {
                "type": "object",
                "required": ["document"],
                "properties": {"document": {"type": "string", "maxLength": 65536, "description": "TOML."}}
              },
              "ReferenceValueKind": {"type": "string", "enum": ["measurement", "host_data", "id_key", "author_key", "number", "boolean", "text"]},
              "ReferenceValues": {
                "type": "object",
                "required": ["name", "kind", "values", "source", "changed", "version"],
                "properties": {
                  "name": {"type": "string"},
                  "kind": {"$ref": "#/components/schemas/ReferenceValueKind"},
                  "values": {
                    "type": "array",
                    "description": "Digests in hex; numbers, truth values and texts as they are written.",
                    "items": {"type": "string"}
                  },
                  "source": {"type": "string", "description": "Who says so."},
                  "expires": {"type": "string", "format": "date-time"},
                  "changed": {"type": "string", "format": "date-time"},
                  "version": {"type": "string", "description": "The ETag without its quotation marks."}
                }
              },
              "ReferenceValuesPage": {
                "type": "object",
                "required": ["reference_values"],
                "properties": {
                  "reference_values": {"type": "array", "items": {"$ref": "#/components/schemas/ReferenceValues"}},
                  "next": {"type": "string", "description": "For `after`, when there are more."}
                }
              },
              "NewReferenceValues": {
                "type": "object",
                "required": ["kind", "values"],
                "properties": {
                  "kind": {"$ref": "#/components/schemas/ReferenceValueKind"},
                  "values": {
                    "type": "array",
                    "minItems": 1,
                    "items": {"type": ["string", "integer", "boolean"]},
                    "description": "64 hex digits for host data, 96 for the other digests; or numbers, truth values, texts."
                  },
                  "source": {"type": ["string", "null"], "description": "Who says so, where and when: for people."},
                  "expires": {
                    "type": ["string", "null"],
                    "format": "date-time",
                    "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})$"
                  }
                }
              },
              "Status": {
                "type": "object",
                "required": ["version", "started", "workloads", "resources", "sessions", "audit_sequence", "audit_hash"],
                "properties": {
                  "version": {"type": "string"},
                  "started": {"type": "string", "format": "date-time"},
                  "workloads": {"type": "integer"},
                  "resources": {"type": "integer"},
                  "sessions": {"type": "integer"},
                  "audit_sequence": {"type": "integer", "format": "int64"},
                  "audit_hash": {"type": "string", "pattern": "^[0-9a-f]*$", "description": ""},
                  "libraries": {
                    "type": "object",
                    "description": "Versions of the distribution's libraries that the server has loaded, and whether FIPS mode is on and ML-KEM is available.",
                    "additionalProperties": {"type": "string"}
                  },
                  "replaced_files": {
                    "type": "array",
                    "description": "Files of the server that the disk has newer ones of: restart it.",
                    "items": {"type": "string"}
                  }
                }
              },
              "Settings": {
                "type": "object",
                "required": ["settings"],
                "properties": {"settings": {"type": "object", "additionalProperties": {"type": "string"}}}
              }
            }
          }
        }
        """#
}

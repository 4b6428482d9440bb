import CRDKafka

/// Granting rights and reading them.
enum AdminACLs {
    private static let everyHost = "*"

    /// - Throws: the first refusal.
    static func create(
        _ bindings: [ACLBinding], _ client: ClientHandle, _ timeout: Duration
    ) throws(KafkaError) {
        var requests: [OpaquePointer?] = []
        defer { rd_kafka_AclBinding_destroy_array(&requests, requests.count) }
        for binding in bindings { requests.append(try request(binding)) }
        try AdminRequest.perform(
            operation: RD_KAFKA_ADMIN_OP_CREATEACLS, client: client, timeout: timeout
        ) { options, queue in
            rd_kafka_CreateAcls(client.pointer, &requests, requests.count, options, queue)
        } read: { event throws(KafkaError) in
            var count = 0
            let results = rd_kafka_CreateAcls_result_acls(rd_kafka_event_CreateAcls_result(event), &count)
            // Answers come in the order of the requests.
            for (index, result) in UnsafeBufferPointer(start: results, count: count).enumerated() {
                guard let error = rd_kafka_acl_result_error(result) else { continue }
                throw KafkaError(
                    code: rd_kafka_error_code(error),
                    detail: "\(bindings[index]): \(String(cString: rd_kafka_error_string(error)))")
            }
        }
    }

    /// Those that an `ACLBinding` can say; others are left out.
    static func describe(_ client: ClientHandle, _ timeout: Duration) throws(KafkaError) -> Set<ACLBinding> {
        var message = [CChar](repeating: 0, count: 512)
        let filter = rd_kafka_AclBindingFilter_new(
            RD_KAFKA_RESOURCE_ANY, nil, RD_KAFKA_RESOURCE_PATTERN_ANY, nil, everyHost,
            RD_KAFKA_ACL_OPERATION_ANY, RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW, &message, message.count)
        guard let filter else { throw .configuration(text(message)) }
        defer { rd_kafka_AclBinding_destroy(filter) }
        return try AdminRequest.perform(
            operation: RD_KAFKA_ADMIN_OP_DESCRIBEACLS, client: client, timeout: timeout
        ) { options, queue in
            rd_kafka_DescribeAcls(client.pointer, filter, options, queue)
        } read: { event throws(KafkaError) in
            var count = 0
            let found = rd_kafka_DescribeAcls_result_acls(rd_kafka_event_DescribeAcls_result(event), &count)
            return Set(UnsafeBufferPointer(start: found, count: count).compactMap { $0 }.compactMap(binding))
        }
    }

    private static func request(_ binding: ACLBinding) throws(KafkaError) -> OpaquePointer {
        let (type, name, pattern) =
            switch binding.resource {
            case .topic(let name): (RD_KAFKA_RESOURCE_TOPIC, name, RD_KAFKA_RESOURCE_PATTERN_LITERAL)
            case .topics(let prefix): (RD_KAFKA_RESOURCE_TOPIC, prefix, RD_KAFKA_RESOURCE_PATTERN_PREFIXED)
            case .group(let name): (RD_KAFKA_RESOURCE_GROUP, name, RD_KAFKA_RESOURCE_PATTERN_LITERAL)
            }
        let operation =
            switch binding.operation {
            case .read: RD_KAFKA_ACL_OPERATION_READ
            case .write: RD_KAFKA_ACL_OPERATION_WRITE
            }
        var message = [CChar](repeating: 0, count: 512)
        let request = rd_kafka_AclBinding_new(
            type, name, pattern, binding.principal, everyHost, operation, RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW,
            &message, message.count)
        guard let request else { throw .configuration("\(binding): \(text(message))") }
        return request
    }

    private static func binding(_ acl: OpaquePointer) -> ACLBinding? {
        guard let name = rd_kafka_AclBinding_name(acl), let principal = rd_kafka_AclBinding_principal(acl)
        else { return nil }
        let operation: ACLBinding.Operation
        switch rd_kafka_AclBinding_operation(acl) {
        case RD_KAFKA_ACL_OPERATION_READ: operation = .read
        case RD_KAFKA_ACL_OPERATION_WRITE: operation = .write
        default: return nil
        }
        let resource: ACLBinding.Resource
        switch (rd_kafka_AclBinding_restype(acl), rd_kafka_AclBinding_resource_pattern_type(acl)) {
        case (RD_KAFKA_RESOURCE_TOPIC, RD_KAFKA_RESOURCE_PATTERN_LITERAL):
            resource = .topic(String(cString: name))
        case (RD_KAFKA_RESOURCE_TOPIC, RD_KAFKA_RESOURCE_PATTERN_PREFIXED):
            resource = .topics(prefix: String(cString: name))
        case (RD_KAFKA_RESOURCE_GROUP, RD_KAFKA_RESOURCE_PATTERN_LITERAL):
            resource = .group(String(cString: name))
        default: return nil
        }
        return ACLBinding(String(cString: principal), operation, resource)
    }
}

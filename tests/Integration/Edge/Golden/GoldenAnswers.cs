using System.Text;

namespace OrleansGateway.Tests.Integration.Edge.Golden;

/// <summary>What providers of each protocol answer, by case.</summary>
internal static class GoldenAnswers
{
    /// <summary>The answer as it comes over the wire.</summary>
    public static byte[] Of(string back, string exchange)
    {
        var (status, type, body) = back switch
        {
            "openai" => OpenAI(exchange),
            "anthropic" => Anthropic(exchange),
            _ => Gemini(exchange),
        };
        var bytes = Encoding.UTF8.GetBytes(body.ReplaceLineEndings("\n"));
        return [.. Encoding.ASCII.GetBytes($"HTTP/1.1 {status} Status\r\nContent-Type: {type}\r\nContent-Length: {bytes.Length}\r\n\r\n"), .. bytes];
    }

    private static (int Status, string Type, string Body) Json(string body, int status = 200) => (status, "application/json", body);

    private static (int Status, string Type, string Body) Events(string body) => (200, "text/event-stream", body.ReplaceLineEndings("\n").TrimEnd('\n') + "\n\n");

    private static (int Status, string Type, string Body) OpenAI(string exchange)
    {
        const string Usage = "\"usage\":{\"prompt_tokens\":5120,\"completion_tokens\":57,\"total_tokens\":5177,\"prompt_tokens_details\":{\"cached_tokens\":4000}}";
        return exchange switch
        {
            "tool" => Json($$$$"""{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"up","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{{{{Call("call_1", "Paris")}}}}]},"finish_reason":"tool_calls"}],{{{{Usage}}}}}"""),
            "parallel-tools" => Json($$$$"""{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"up","choices":[{"index":0,"message":{"role":"assistant","content":"Let me see.","tool_calls":[{{{{Call("call_1", "Paris")}}}},{{{{Call("call_2", "Rome")}}}}]},"finish_reason":"tool_calls"}],{{{{Usage}}}}}"""),
            "streamed-text" => Events($$$$"""
                data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"up","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}

                data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"up","choices":[{"index":0,"delta":{"content":"Hel"},"finish_reason":null}],"usage":null}

                data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"up","choices":[{"index":0,"delta":{"content":"lo."},"finish_reason":null}],"usage":null}

                data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"up","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}

                data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"up","choices":[],{{{{Usage}}}}}

                data: [DONE]
                """),
            "streamed-tool" => Events($$$$"""
                data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"up","choices":[{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"get_weather","arguments":""}}]},"finish_reason":null}]}

                data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"up","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":"}}]},"finish_reason":null}]}

                data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"up","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"Paris\"}"}}]},"finish_reason":null}]}

                data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"up","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}

                data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"up","choices":[],{{{{Usage}}}}}

                data: [DONE]
                """),
            "reasoning" => Events("""
                data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"up","choices":[{"index":0,"delta":{"role":"assistant","reasoning_content":"Two and two."},"finish_reason":null}]}

                data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"up","choices":[{"index":0,"delta":{"content":"Four."},"finish_reason":null}]}

                data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"up","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

                data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"up","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":57,"total_tokens":67,"completion_tokens_details":{"reasoning_tokens":40}}}

                data: [DONE]
                """),
            "schema" => Json($$$$"""{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"up","choices":[{"index":0,"message":{"role":"assistant","content":"{\"sky\":\"blue\"}"},"finish_reason":"stop"}],{{{{Usage}}}}}"""),
            "stop" => Json($$$$"""{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"up","choices":[{"index":0,"message":{"role":"assistant","content":"One, two, three, "},"finish_reason":"stop"}],{{{{Usage}}}}}"""),
            "error-before" => Json("""{"error":{"message":"Invalid value for 'temperature'.","type":"invalid_request_error","param":"temperature","code":"invalid_value"}}""", 400),
            "error-in-stream" => Events("""
                data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"up","choices":[{"index":0,"delta":{"role":"assistant","content":"Hel"},"finish_reason":null}]}

                data: {"error":{"message":"The server had an error.","type":"server_error","param":null,"code":null}}
                """),
            _ => Json($$$$"""{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"up","choices":[{"index":0,"message":{"role":"assistant","content":"Hello."},"finish_reason":"stop"}],{{{{Usage}}}}}"""),
        };

        static string Call(string id, string city) => $$$$"""{"id":"{{{{id}}}}","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"{{{{city}}}}\"}"}}""";
    }

    private static (int Status, string Type, string Body) Anthropic(string exchange)
    {
        const string Usage = "\"usage\":{\"input_tokens\":120,\"cache_creation_input_tokens\":1000,\"cache_creation\":{\"ephemeral_5m_input_tokens\":1000,\"ephemeral_1h_input_tokens\":0},\"cache_read_input_tokens\":4000,\"output_tokens\":57}";
        const string Start = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"up\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,"
            + "\"usage\":{\"input_tokens\":120,\"cache_creation_input_tokens\":1000,\"cache_creation\":{\"ephemeral_5m_input_tokens\":1000,\"ephemeral_1h_input_tokens\":0},\"cache_read_input_tokens\":4000,\"output_tokens\":1}}}\n\n";
        return exchange switch
        {
            "tool" => Json(Message($"[{Use("toolu_1", "Paris")}]", "tool_use")),
            "parallel-tools" => Json(Message($$$$"""[{"type":"text","text":"Let me see."},{{{{Use("toolu_1", "Paris")}}}},{{{{Use("toolu_2", "Rome")}}}}]""", "tool_use")),
            "streamed-text" => Events(Start + """
                event: content_block_start
                data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

                event: ping
                data: {"type":"ping"}

                event: content_block_delta
                data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hel"}}

                event: content_block_delta
                data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"lo."}}

                event: content_block_stop
                data: {"type":"content_block_stop","index":0}

                event: message_delta
                data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":57}}

                event: message_stop
                data: {"type":"message_stop"}
                """),
            "streamed-tool" => Events(Start + """
                event: content_block_start
                data: {"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"toolu_1","name":"get_weather","input":{}}}

                event: content_block_delta
                data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":""}}

                event: content_block_delta
                data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"city\":"}}

                event: content_block_delta
                data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"\"Paris\"}"}}

                event: content_block_stop
                data: {"type":"content_block_stop","index":0}

                event: message_delta
                data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":57}}

                event: message_stop
                data: {"type":"message_stop"}
                """),
            "reasoning" => Events(Start + """
                event: content_block_start
                data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}

                event: content_block_delta
                data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Two and two."}}

                event: content_block_delta
                data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln"}}

                event: content_block_stop
                data: {"type":"content_block_stop","index":0}

                event: content_block_start
                data: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}

                event: content_block_delta
                data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Four."}}

                event: content_block_stop
                data: {"type":"content_block_stop","index":1}

                event: message_delta
                data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":57,"output_tokens_details":{"thinking_tokens":40}}}

                event: message_stop
                data: {"type":"message_stop"}
                """),
            "schema" => Json(Message("""[{"type":"text","text":"{\"sky\":\"blue\"}"}]""", "end_turn")),
            "stop" => Json(Message("""[{"type":"text","text":"One, two, three, "}]""", "stop_sequence", "\"four\"")),
            "error-before" => Json("""{"type":"error","error":{"type":"invalid_request_error","message":"temperature: range: 0..1"},"request_id":"req_011"}""", 400),
            "error-in-stream" => Events(Start + """
                event: content_block_start
                data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

                event: content_block_delta
                data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hel"}}

                event: error
                data: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}
                """),
            _ => Json(Message("""[{"type":"text","text":"Hello."}]""", "end_turn")),
        };

        static string Use(string id, string city) => $$$$"""{"type":"tool_use","id":"{{{{id}}}}","name":"get_weather","input":{"city":"{{{{city}}}}"}}""";

        static string Message(string content, string reason, string sequence = "null") =>
            $$$$"""{"id":"msg_1","type":"message","role":"assistant","model":"up","content":{{{{content}}}},"stop_reason":"{{{{reason}}}}","stop_sequence":{{{{sequence}}}},{{{{Usage}}}}}""";
    }

    private static (int Status, string Type, string Body) Gemini(string exchange)
    {
        const string Usage = "\"usageMetadata\":{\"promptTokenCount\":5000,\"cachedContentTokenCount\":4000,\"candidatesTokenCount\":40,\"thoughtsTokenCount\":60,\"totalTokenCount\":5100},\"modelVersion\":\"up\",\"responseId\":\"r1\"";
        return exchange switch
        {
            "tool" => Json($$$$"""{"candidates":[{"content":{"role":"model","parts":[{{{{Call("Paris", "c2ln")}}}}]},"finishReason":"STOP","index":0}],{{{{Usage}}}}}"""),
            "parallel-tools" => Json($$$$"""{"candidates":[{"content":{"role":"model","parts":[{"text":"Let me see."},{{{{Call("Paris", "c2ln")}}}},{{{{Call("Rome")}}}}]},"finishReason":"STOP","index":0}],{{{{Usage}}}}}"""),
            "streamed-text" => Events($$$$"""
                data: {"candidates":[{"content":{"role":"model","parts":[{"text":"Hel"}]},"index":0}],"usageMetadata":{"promptTokenCount":5000,"totalTokenCount":5000},"modelVersion":"up","responseId":"r1"}

                data: {"candidates":[{"content":{"role":"model","parts":[{"text":"lo."}]},"finishReason":"STOP","index":0}],{{{{Usage}}}}}
                """),
            "streamed-tool" => Events($$$$"""
                data: {"candidates":[{"content":{"role":"model","parts":[{{{{Call("Paris", "c2ln")}}}}]},"finishReason":"STOP","index":0}],{{{{Usage}}}}}
                """),
            "reasoning" => Events($$$$"""
                data: {"candidates":[{"content":{"role":"model","parts":[{"text":"Two and two.","thought":true}]},"index":0}],"usageMetadata":{"promptTokenCount":5000,"totalTokenCount":5000},"modelVersion":"up","responseId":"r1"}

                data: {"candidates":[{"content":{"role":"model","parts":[{"text":"Four."}]},"index":0}],"usageMetadata":{"promptTokenCount":5000,"totalTokenCount":5000},"modelVersion":"up","responseId":"r1"}

                data: {"candidates":[{"content":{"role":"model","parts":[{"text":"","thoughtSignature":"c2ln"}]},"finishReason":"STOP","index":0}],{{{{Usage}}}}}
                """),
            "schema" => Json($$$$"""{"candidates":[{"content":{"role":"model","parts":[{"text":"{\"sky\":\"blue\"}"}]},"finishReason":"STOP","index":0}],{{{{Usage}}}}}"""),
            "stop" => Json($$$$"""{"candidates":[{"content":{"role":"model","parts":[{"text":"One, two, three, "}]},"finishReason":"STOP","index":0}],{{{{Usage}}}}}"""),
            "error-before" => Json("""{"error":{"code":400,"message":"Invalid value at 'generation_config.temperature'.","status":"INVALID_ARGUMENT"}}""", 400),
            "error-in-stream" => Events("""
                data: {"candidates":[{"content":{"role":"model","parts":[{"text":"Hel"}]},"index":0}],"usageMetadata":{"promptTokenCount":5000,"totalTokenCount":5000},"modelVersion":"up","responseId":"r1"}

                data: {"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}
                """),
            _ => Json($$$$"""{"candidates":[{"content":{"role":"model","parts":[{"text":"Hello."}]},"finishReason":"STOP","index":0}],{{{{Usage}}}}}"""),
        };

        static string Call(string city, string? signature = null) =>
            $$$$"""{"functionCall":{"name":"get_weather","args":{"city":"{{{{city}}}}"}}""" + (signature is null ? "}" : $",\"thoughtSignature\":\"{signature}\"}}");
    }
}

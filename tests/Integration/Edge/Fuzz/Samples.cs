namespace OrleansGateway.Tests.Integration.Edge.Fuzz;

/// <summary>Valid requests to begin with, which use much of their protocols, and valid answers of providers.</summary>
internal static class Samples
{
    private const string Picture = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAoAAAAUCAYAAAA=";

    private const string Schema = """{"type":"object","properties":{"a":{"type":"string","enum":["x"]},"b":{"type":["integer","null"]}},"required":["a"]}""";

    /// <summary>The fronts: a path, and requests to it.</summary>
    public static IReadOnlyList<(string Path, string[] Bodies)> Requests { get; } =
    [
        .. Bodies.Select(static front => (front.Path, front.Bodies.Select(static body => body.Replace("SCHEMA", Schema, StringComparison.Ordinal)
            .Replace("PICTURE", Picture, StringComparison.Ordinal)).ToArray())),
    ];

    private static (string Path, string[] Bodies)[] Bodies =>
    [
        ("/v1/chat/completions", Chat),
        ("/v1/responses", Responses),
        ("/v1/responses/input_tokens", Responses),
        ("/v1/messages", Messages),
        ("/v1/messages/count_tokens", Messages),
        ("/v1beta/models/test-model:generateContent", Gemini),
        ("/v1beta/models/test-model:streamGenerateContent", Gemini),
        ("/v1beta/models/test-model:streamGenerateContent?alt=sse", Gemini),
        ("/v1beta/models/test-model:countTokens", [.. Gemini, "{\"generateContentRequest\":" + Gemini[0] + "}"]),
        ("/v1beta/models/test-model:embedContent", ["""{"content":{"parts":[{"text":"x"}]},"taskType":"RETRIEVAL_QUERY"}"""]),
        ("/v1beta/models/test-model:batchEmbedContents", ["""{"requests":[{"model":"models/test-model","content":{"parts":[{"text":"x"}]}},{"content":{"parts":[{"text":"y"}]}}]}"""]),
        ("/v1/completions", ["""{"model":"test-model","prompt":["a","b"],"suffix":"c","n":2,"best_of":2,"max_tokens":5,"stream":true,"stream_options":{"include_usage":true},"logprobs":1,"stop":["x"]}"""]),
        ("/v1/embeddings", ["""{"model":"test-model","input":["a","b"],"encoding_format":"base64","dimensions":3,"user":"u"}""", """{"model":"test-model","input":[[1,2],[3]]}"""]),
        ("/v1/moderations", ["""{"model":"test-model","input":[{"type":"text","text":"x"}]}"""]),
        ("/v1/rerank", ["""{"model":"test-model","query":"q","documents":["a",{"text":"b"}],"top_n":1,"return_documents":true}"""]),
        ("/v1/audio/speech", ["""{"model":"test-model","input":"Say","voice":"alloy","speed":1.5,"instructions":"kindly","stream_format":"sse","response_format":"mp3"}"""]),
        ("/v1/images/generations", ["""{"model":"test-model","prompt":"x","n":2,"size":"1024x1024","quality":"low","partial_images":1,"stream":true,"output_format":"gif","frame_count":2,"negative_prompt":"y"}"""]),
        ("/v1/images/edits", ["""{"model":"test-model","prompt":"x","images":[{"image_url":"PICTURE"}],"mask":{"image_url":"PICTURE"},"input_fidelity":"high"}"""]),
    ];

    /// <summary>What each kind of provider answers, whole and as events: a path's part, and both.</summary>
    public static IReadOnlyList<(string Path, string Whole, string[] Events)> Answers { get; } =
    [
        ("/chat/completions", """{"id":"c","object":"chat.completion","created":1,"model":"up","choices":[{"index":0,"message":{"role":"assistant","content":"hi","reasoning_content":"hm","tool_calls":[{"index":0,"id":"t","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12,"cost":0.5,"prompt_tokens_details":{"cached_tokens":2}}}""",
        [
            """{"id":"c","object":"chat.completion.chunk","created":1,"model":"up","choices":[{"index":0,"delta":{"role":"assistant","content":"hi"},"finish_reason":null}]}""",
            """{"id":"c","object":"chat.completion.chunk","created":1,"model":"up","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":null}]}""",
            """{"id":"c","object":"chat.completion.chunk","created":1,"model":"up","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":9,"completion_tokens":3,"cost":0.5}}""",
            "[DONE]",
        ]),
        ("/responses/input_tokens", """{"object":"response.input_tokens","input_tokens":5}""", []),
        ("/responses", """{"id":"resp_p","object":"response","status":"completed","model":"up","output":[{"id":"rs_1","type":"reasoning","summary":[],"encrypted_content":"e"},{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"output_text","text":"hi","annotations":[]}]}],"usage":{"input_tokens":9,"output_tokens":3,"total_tokens":12,"cost":0.5}}""",
        [
            """{"type":"response.created","sequence_number":0,"response":{"id":"resp_p","object":"response","status":"in_progress","model":"up","output":[],"usage":{"input_tokens":9,"output_tokens":0,"cost":0.5}}}""",
            """{"type":"response.output_text.delta","sequence_number":1,"item_id":"msg_1","output_index":0,"content_index":0,"delta":"hi"}""",
            """{"type":"response.completed","sequence_number":2,"response":{"id":"resp_p","object":"response","status":"completed","model":"up","output":[{"type":"message","content":[{"type":"output_text","text":"hi"}]}],"usage":{"input_tokens":9,"output_tokens":3,"total_tokens":12,"cost":0.5}}}""",
        ]),
        ("/messages/count_tokens", """{"input_tokens":5}""", []),
        ("/messages", """{"id":"msg_up","type":"message","role":"assistant","model":"up","content":[{"type":"thinking","thinking":"Hm","signature":"s"},{"type":"text","text":"hi"},{"type":"tool_use","id":"t","name":"f","input":{"a":1}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":3,"cost":0.5}}""",
        [
            """{"type":"message_start","message":{"id":"msg_up","type":"message","role":"assistant","model":"up","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":1,"cost":0.1}}}""",
            """{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}""",
            """{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}""",
            """{"type":"content_block_stop","index":0}""",
            """{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":3,"cost":0.5}}""",
            """{"type":"message_stop"}""",
        ]),
        ("enerateContent", """{"candidates":[{"content":{"role":"model","parts":[{"text":"hm","thought":true},{"text":"hi"},{"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"cw=="}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":3,"totalTokenCount":12,"cost":0.5},"modelVersion":"up"}""",
        [
            """{"candidates":[{"content":{"role":"model","parts":[{"text":"hi"}]},"index":0}],"usageMetadata":{"promptTokenCount":9,"totalTokenCount":9,"cost":0.5},"modelVersion":"up"}""",
            """{"candidates":[{"content":{"role":"model","parts":[{"text":"!"}]},"finishReason":"STOP","index":0}],"usageMetadata":{"cost":0.5,"promptTokenCount":9,"candidatesTokenCount":3,"totalTokenCount":12},"modelVersion":"up"}""",
        ]),
        ("countTokens", """{"totalTokens":5}""", []),
        ("mbedContent", """{"embedding":{"values":[0.1]},"embeddings":[{"values":[0.1]}],"usageMetadata":{"promptTokenCount":3,"cost":0.5}}""", []),
        ("/completions", """{"id":"c","object":"text_completion","created":1,"model":"up","choices":[{"text":"hi","index":0,"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":3,"cost":0.5}}""",
        [
            """{"id":"c","object":"text_completion","created":1,"model":"up","choices":[{"text":"hi","index":0,"finish_reason":"stop"}]}""",
            """{"id":"c","object":"text_completion","created":1,"model":"up","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"cost":0.5}}""",
            "[DONE]",
        ]),
        ("/embeddings", """{"object":"list","model":"up","data":[{"index":0,"embedding":[0.1,0.2]}],"usage":{"prompt_tokens":9,"total_tokens":9,"cost":0.5}}""", []),
        ("/moderations", """{"id":"m","model":"up","results":[{"flagged":false}]}""", []),
        ("/rerank", """{"model":"up","results":[{"index":0,"relevance_score":0.5}],"usage":{"total_tokens":9,"search_units":1,"cost":0.5}}""", []),
        ("/speech", """{"x":1}""",
        [
            """{"type":"speech.audio.delta","audio":"AAAA"}""",
            """{"type":"speech.audio.done","usage":{"input_tokens":9,"output_tokens":3,"total_tokens":12,"cost":0.5}}""",
        ]),
        ("/audio/", """{"text":"hi","usage":{"type":"duration","seconds":1}}""", []),
        ("/images/", """{"created":1,"data":[{"b64_json":"AAAA"},{"b64_json":"AAAA"}],"usage":{"input_tokens":9,"output_tokens":3,"total_tokens":12,"cost":0.5}}""",
        [
            """{"type":"image_generation.partial_image","b64_json":"AAAA","partial_image_index":0}""",
            """{"type":"image_generation.completed","b64_json":"AAAA","usage":{"input_tokens":9,"output_tokens":3,"total_tokens":12,"cost":0.5}}""",
        ]),
    ];

    private static string[] Chat =>
    [
        """
        {"model":"test-model","stream":true,"stream_options":{"include_usage":true},"n":2,"max_completion_tokens":50,"temperature":0.5,"seed":7,"user":"u","service_tier":"scale",
         "tools":[{"type":"function","function":{"name":"f","description":"d","parameters":SCHEMA,"strict":true}},{"type":"custom","custom":{"name":"c","format":{"type":"grammar","grammar":{"syntax":"lark","definition":"x"}}}},{"type":"web_search"},{"type":"builtin_function","function":{"name":"$web_search"}}],
         "tool_choice":{"type":"function","function":{"name":"f"}},"response_format":{"type":"json_schema","json_schema":{"name":"s","schema":SCHEMA}},"reasoning_effort":"low","web_search_options":{},
         "messages":[{"role":"system","content":"Be kind."},{"role":"user","content":[{"type":"text","text":"hi \ud83d\ude00"},{"type":"image_url","image_url":{"url":"PICTURE","detail":"low"}},{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,QUJD"}}]},
          {"role":"assistant","content":null,"reasoning_content":"hm","tool_calls":[{"id":"t","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},{"role":"tool","tool_call_id":"t","content":[{"type":"text","text":"ok"}]},{"role":"user","content":"go on"}]}
        """,
        """{"model":"test-model","messages":[{"role":"user","content":"hi"}],"stop":["x"],"logit_bias":{"5":1},"tools":[{"type":"code_interpreter"}],"tool_choice":{"type":"code_interpreter"},"parallel_tool_calls":false}""",
    ];

    private static string[] Responses =>
    [
        """
        {"model":"test-model","instructions":"Be kind.","stream":true,"max_output_tokens":50,"max_tool_calls":9,"service_tier":"scale","store":true,"temperature":0.5,"user":"u","include":["reasoning.encrypted_content"],
         "reasoning":{"effort":"low","summary":"auto"},"text":{"verbosity":"low","format":{"type":"json_schema","name":"s","schema":SCHEMA}},"tool_choice":{"type":"web_search"},
         "tools":[{"type":"function","name":"f","parameters":SCHEMA,"strict":true},{"type":"custom","name":"c","format":{"type":"grammar","syntax":"lark","definition":"x"}},{"type":"namespace","name":"n","tools":[{"type":"function","name":"g"},{"type":"computer"}]},{"type":"web_search"}],
         "input":[{"type":"additional_tools","tools":[{"type":"custom","name":"d"},{"type":"image_generation"}]},{"type":"message","role":"user","content":[{"type":"input_text","text":"hi"},{"type":"input_image","image_url":"PICTURE"},{"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,QUJD"}]},
          {"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":"og1.messages.S"},{"type":"reasoning","summary":[],"encrypted_content":"own"},
          {"type":"function_call","call_id":"t","name":"f","arguments":"{\"a\":1}"},{"type":"function_call_output","call_id":"t","output":[{"type":"input_text","text":"ok"}]},{"role":"user","content":"go on"}]}
        """,
        """{"model":"test-model","input":"hi","tools":[{"type":"code_interpreter"}],"tool_choice":"auto"}""",
    ];

    private static string[] Messages =>
    [
        """
        {"model":"test-model","max_tokens":50,"stream":true,"service_tier":"batch","temperature":0.5,"top_k":5,"metadata":{"user_id":"u"},"stop_sequences":["x"],"thinking":{"type":"enabled","budget_tokens":1024},
         "system":[{"type":"text","text":"Be kind.","cache_control":{"type":"ephemeral","ttl":"1h"}}],"context_management":{"edits":[{"type":"compact_20260112"}]},"mcp_servers":[{"type":"url"}],
         "tools":[{"name":"f","description":"d","input_schema":SCHEMA},{"type":"web_search_20260209","name":"web_search","max_uses":5},{"type":"bash_20250124","name":"bash"},{"type":"web_fetch_20250910","name":"web_fetch"}],
         "tool_choice":{"type":"tool","name":"f"},
         "messages":[{"role":"user","content":[{"type":"text","text":"hi \ud83d\ude00"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0KGgoAAAANSUhEUgAAAAoAAAAUCAYAAAA="}},{"type":"document","title":"t","source":{"type":"text","media_type":"text/plain","data":"words"}}]},
          {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"og1.responses.S"},{"type":"tool_use","id":"t","name":"f","input":{"a":1}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","is_error":true,"content":[{"type":"text","text":"ok"}]},{"type":"text","text":"go on"}]}]}
        """,
        """{"model":"test-model","max_tokens":5,"messages":[{"role":"user","content":"hi"}],"tools":[{"type":"code_execution_20250825","name":"code"}],"tool_choice":{"type":"any"}}""",
    ];

    private static string[] Gemini =>
    [
        """
        {"systemInstruction":{"parts":[{"text":"Be kind."}]},"serviceTier":"scale","cachedContent":null,"safetySettings":[{"category":"x","threshold":"y"}],"labels":{"a":"b"},
         "tools":[{"functionDeclarations":[{"name":"f","description":"d","parameters":SCHEMA}]},{"googleSearch":{}},{"codeExecution":{}},{"code_execution":{}},{"urlContext":{}}],"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}},
         "generationConfig":{"maxOutputTokens":50,"candidateCount":1,"temperature":0.5,"topK":5,"stopSequences":["x"],"responseMimeType":"application/json","responseSchema":SCHEMA,"thinkingConfig":{"thinkingBudget":100,"includeThoughts":true}},
         "contents":[{"role":"user","parts":[{"text":"hi \ud83d\ude00"},{"inlineData":{"mimeType":"image/png","data":"iVBORw0KGgoAAAANSUhEUgAAAAoAAAAUCAYAAAA="}},{"fileData":{"mimeType":"image/png","fileUri":"https://example.com/a.png"}}]},
          {"role":"model","parts":[{"text":"hm","thought":true,"thoughtSignature":"cw=="},{"functionCall":{"id":"t","name":"f","args":{"a":1}}}]},{"role":"user","parts":[{"functionResponse":{"id":"t","name":"f","response":{"output":"ok"}}},{"text":"go on"}]}]}
        """,
        """{"contents":[{"parts":[{"text":"hi"}]}],"tools":[{"codeExecution":{}}]}""",
    ];
}

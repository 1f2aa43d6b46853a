namespace OrleansGateway.Tests.Integration.Edge.Golden;

/// <summary>What clients of each protocol send, by case.</summary>
internal static class GoldenRequests
{
    private const string Png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

    /// <summary>The path and the body.</summary>
    public static (string Path, string Body) Of(string front, string exchange) => front switch
    {
        "openai" => ("/v1/chat/completions", OpenAI(exchange)),
        "anthropic" => ("/v1/messages", Anthropic(exchange)),
        _ => ("/v1beta/models/test-model:" + (IsStreamed(exchange) ? "streamGenerateContent?alt=sse" : "generateContent"), Gemini(exchange)),
    };

    public static bool IsStreamed(string exchange) => exchange is "streamed-text" or "streamed-tool" or "reasoning" or "error-in-stream";

    private static string OpenAI(string exchange) => exchange switch
    {
        "text" => """{"model":"test-model","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}],"max_completion_tokens":100,"temperature":0.5}""",
        "streamed-text" => """{"model":"test-model","messages":[{"role":"user","content":"Hi"}],"stream":true,"stream_options":{"include_usage":true}}""",
        "tool" => $$$$"""{"model":"test-model","messages":[{"role":"user","content":"Weather?"}],"tools":[{{{{Tool}}}}],"tool_choice":"required"}""",
        "parallel-tools" => $$$$"""{"model":"test-model","messages":[{"role":"user","content":"Weather twice?"},{"role":"assistant","content":null,"tool_calls":[{"id":"call_a","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Paris\"}"}},{"id":"call_b","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Rome\"}"}}]},{"role":"tool","tool_call_id":"call_a","content":"sunny"},{"role":"tool","tool_call_id":"call_b","content":"rainy"},{"role":"user","content":"And again?"}],"tools":[{{{{Tool}}}}]}""",
        "streamed-tool" => $$$$"""{"model":"test-model","messages":[{"role":"user","content":"Weather?"}],"tools":[{{{{Tool}}}}],"stream":true,"stream_options":{"include_usage":true}}""",
        "image" => $$$$"""{"model":"test-model","messages":[{"role":"user","content":[{"type":"text","text":"What is this?"},{"type":"image_url","image_url":{"url":"data:image/png;base64,{{{{Png}}}}"}}]}]}""",
        "reasoning" => """{"model":"test-model","messages":[{"role":"user","content":"Think."}],"reasoning_effort":"medium","stream":true,"stream_options":{"include_usage":true}}""",
        "schema" => """{"model":"test-model","messages":[{"role":"user","content":"Weather as JSON."}],"response_format":{"type":"json_schema","json_schema":{"name":"weather","strict":true,"schema":{"type":"object","properties":{"sky":{"type":"string"}},"required":["sky"],"additionalProperties":false}}}}""",
        "stop" => """{"model":"test-model","messages":[{"role":"user","content":"Count."}],"stop":["four","END"]}""",
        "error-before" => """{"model":"test-model","messages":[{"role":"user","content":"Hi"}]}""",
        _ => """{"model":"test-model","messages":[{"role":"user","content":"Hi"}],"stream":true}""",
    };

    private static string Anthropic(string exchange) => exchange switch
    {
        "text" => """{"model":"test-model","system":"Be brief.","messages":[{"role":"user","content":"Hi"}],"max_tokens":100,"temperature":0.5}""",
        "streamed-text" => """{"model":"test-model","messages":[{"role":"user","content":"Hi"}],"max_tokens":100,"stream":true}""",
        "tool" => $$$$"""{"model":"test-model","messages":[{"role":"user","content":"Weather?"}],"max_tokens":100,"tools":[{{{{ClaudeTool}}}}],"tool_choice":{"type":"any"}}""",
        "parallel-tools" => $$$$"""{"model":"test-model","messages":[{"role":"user","content":"Weather twice?"},{"role":"assistant","content":[{"type":"tool_use","id":"toolu_a","name":"get_weather","input":{"city":"Paris"}},{"type":"tool_use","id":"toolu_b","name":"get_weather","input":{"city":"Rome"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_a","content":"sunny"},{"type":"tool_result","tool_use_id":"toolu_b","content":[{"type":"text","text":"no such city"}],"is_error":true},{"type":"text","text":"And again?"}]}],"max_tokens":100,"tools":[{{{{ClaudeTool}}}}]}""",
        "streamed-tool" => $$$$"""{"model":"test-model","messages":[{"role":"user","content":"Weather?"}],"max_tokens":100,"tools":[{{{{ClaudeTool}}}}],"stream":true}""",
        "image" => $$$$"""{"model":"test-model","messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"{{{{Png}}}}"}},{"type":"text","text":"What is this?"}]}],"max_tokens":100}""",
        "reasoning" => """{"model":"test-model","messages":[{"role":"user","content":"Think."}],"max_tokens":4000,"thinking":{"type":"enabled","budget_tokens":2000},"stream":true}""",
        "schema" => """{"model":"test-model","messages":[{"role":"user","content":"Weather as JSON."}],"max_tokens":100,"output_config":{"format":{"type":"json_schema","schema":{"type":"object","properties":{"sky":{"type":"string"}},"required":["sky"],"additionalProperties":false}}}}""",
        "stop" => """{"model":"test-model","messages":[{"role":"user","content":"Count."}],"max_tokens":100,"stop_sequences":["four","END"]}""",
        "error-before" => """{"model":"test-model","messages":[{"role":"user","content":"Hi"}],"max_tokens":100}""",
        _ => """{"model":"test-model","messages":[{"role":"user","content":"Hi"}],"max_tokens":100,"stream":true}""",
    };

    private static string Gemini(string exchange) => exchange switch
    {
        "text" => """{"systemInstruction":{"parts":[{"text":"Be brief."}]},"contents":[{"role":"user","parts":[{"text":"Hi"}]}],"generationConfig":{"maxOutputTokens":100,"temperature":0.5}}""",
        "tool" => $$$$"""{"contents":[{"role":"user","parts":[{"text":"Weather?"}]}],"tools":[{{{{GeminiTool}}}}],"toolConfig":{"functionCallingConfig":{"mode":"ANY"}}}""",
        "parallel-tools" => $$$$"""{"contents":[{"role":"user","parts":[{"text":"Weather twice?"}]},{"role":"model","parts":[{"functionCall":{"name":"get_weather","args":{"city":"Paris"}},"thoughtSignature":"c2ln"},{"functionCall":{"name":"get_weather","args":{"city":"Rome"}}}]},{"role":"user","parts":[{"functionResponse":{"name":"get_weather","response":{"output":"sunny"}}},{"functionResponse":{"name":"get_weather","response":{"output":"rainy"}}},{"text":"And again?"}]}],"tools":[{{{{GeminiTool}}}}]}""",
        "streamed-tool" => $$$$"""{"contents":[{"role":"user","parts":[{"text":"Weather?"}]}],"tools":[{{{{GeminiTool}}}}]}""",
        "image" => $$$$"""{"contents":[{"role":"user","parts":[{"text":"What is this?"},{"inlineData":{"mimeType":"image/png","data":"{{{{Png}}}}"}}]}]}""",
        "reasoning" => """{"contents":[{"role":"user","parts":[{"text":"Think."}]}],"generationConfig":{"thinkingConfig":{"includeThoughts":true,"thinkingLevel":"MEDIUM"}}}""",
        "schema" => """{"contents":[{"role":"user","parts":[{"text":"Weather as JSON."}]}],"generationConfig":{"responseMimeType":"application/json","responseJsonSchema":{"type":"object","properties":{"sky":{"type":"string"}},"required":["sky"],"additionalProperties":false}}}""",
        "stop" => """{"contents":[{"role":"user","parts":[{"text":"Count."}]}],"generationConfig":{"stopSequences":["four","END"]}}""",
        _ => """{"contents":[{"role":"user","parts":[{"text":"Hi"}]}]}""",
    };

    private const string Tool =
        """{"type":"function","function":{"name":"get_weather","description":"The weather.","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}""";

    private const string ClaudeTool =
        """{"name":"get_weather","description":"The weather.","input_schema":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}""";

    private const string GeminiTool =
        """{"functionDeclarations":[{"name":"get_weather","description":"The weather.","parametersJsonSchema":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}]}""";
}

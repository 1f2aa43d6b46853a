namespace OrleansGateway.Web.Components;

/// <summary>The same request in the languages that people call the gateway from.</summary>
internal static class Samples
{
    /// <summary>What stands for a key where none is shown.</summary>
    public const string KeyPlace = "$KEY";

    public static IReadOnlyList<(string Name, string Code)> Of(string url, string model, string key) =>
    [
        ("curl", Curl(url, model, key)),
        ("Python", $$"""
            from openai import OpenAI

            client = OpenAI(base_url="{{url}}/v1", api_key="{{key}}")
            answer = client.chat.completions.create(
                model="{{model}}", messages=[{"role": "user", "content": "Hello"}])
            print(answer.choices[0].message.content)
            """),
        ("JavaScript", $$"""
            import OpenAI from "openai";

            const client = new OpenAI({ baseURL: "{{url}}/v1", apiKey: "{{key}}" });
            const answer = await client.chat.completions.create({
              model: "{{model}}", messages: [{ role: "user", content: "Hello" }] });
            console.log(answer.choices[0].message.content);
            """),
        ("C#", $$"""
            var client = new ChatClient("{{model}}", new ApiKeyCredential("{{key}}"),
                new OpenAIClientOptions { Endpoint = new Uri("{{url}}/v1") });
            Console.WriteLine(client.CompleteChat("Hello").Value.Content[0].Text);
            """),
        ("Go", $$"""
            client := openai.NewClient(option.WithBaseURL("{{url}}/v1"), option.WithAPIKey("{{key}}"))
            answer, err := client.Chat.Completions.New(ctx, openai.ChatCompletionNewParams{
            	Model:    "{{model}}",
            	Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Hello")},
            })
            """),
    ];

    public static string Curl(string url, string model, string key) => $$"""
        curl -N {{url}}/v1/chat/completions \
          -H 'content-type: application/json' -H "authorization: Bearer {{key}}" \
          -d '{"model":"{{model}}","stream":true,"messages":[{"role":"user","content":"Hello"}]}'
        """;
}

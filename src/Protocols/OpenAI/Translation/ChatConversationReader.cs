using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Protocols.OpenAI.Translation;

/// <summary>Reads a Chat Completions request for translation.</summary>
internal sealed class ChatConversationReader : ConversationReader
{
    private readonly HashSet<string> _textTools = new(StringComparer.Ordinal);

    /// <summary>The tools whose input is text.</summary>
    public IReadOnlySet<string> TextTools => _textTools;

    protected override Conversation Read(RequestNode root)
    {
        foreach (var message in root.Items("messages"))
        {
            ReadMessage(message);
        }

        foreach (var tool in root.Items("tools"))
        {
            ReadTool(tool);
        }

        foreach (var function in root.Items("functions"))
        {
            AddTool(ReadFunction(function, function.NeedText("name")));
        }

        NoteFeatures(root);
        var format = root.FindObject("response_format");
        return Choose(Finish(root, root.FindText("reasoning_effort"), "reasoning_effort"), ReadChoice(root)) with
        {
            Choices = (int)Math.Clamp(root.FindInteger("n") ?? 1, 1, ChatRequest.MaxChoicesLimit),
            TopK = root.FindInteger("top_k"),
            Seed = root.FindInteger("seed"),
            FrequencyPenalty = root.FindNumber("frequency_penalty"),
            PresencePenalty = root.FindNumber("presence_penalty"),
            Verbosity = root.FindText("verbosity"),
            Logprobs = ReadLogprobs(root),
            Stop = ReadStop(root.Find("stop")),
            Format = format is { } of ? ReadFormat(of, of.FindObject("json_schema") ?? of) : null,
        };
    }

    private void NoteFeatures(RequestNode root)
    {
        NoteCommon(root);
        if (root.FindInteger("n") > 1)
        {
            Note(Feature.Choices, "n");
        }

        if (root.Find("logit_bias") is { IsObject: true } bias && bias.Json.EnumerateObject().Any())
        {
            Note(Feature.LogitBias, bias.Path);
        }

        NoteIfThere(root, "logprobs", Feature.Logprobs);
        NoteIfThere(root, "seed", Feature.Seed);
        NoteIfThere(root, "frequency_penalty", Feature.Penalties);
        NoteIfThere(root, "presence_penalty", Feature.Penalties);
        NoteIfThere(root, "top_k", Feature.TopK);
        NoteIfThere(root, "verbosity", Feature.Verbosity);
        NoteIfThere(root, "prediction", Feature.Prediction);
        NoteIfThere(root, "audio", Feature.AudioOutput);
        foreach (var name in (string[])["web_search_options", "enable_search", "search_options", "search_parameters"])
        {
            NoteIfThere(root, name, Feature.ProviderTool);
        }

        foreach (var modality in root.Items("modalities"))
        {
            switch (modality.Text)
            {
                case "audio": Note(Feature.AudioOutput, modality.Path); break;
                case "image": Note(Feature.ImageOutput, modality.Path); break;
                default: break;
            }
        }
    }

    private void ReadMessage(RequestNode message)
    {
        switch (message.NeedText("role"))
        {
            case "system" or "developer":
                foreach (var part in ReadContent(message.Find("content")))
                {
                    AddSystem((part as TextPart)?.Text ?? "");
                }

                break;
            case "user":
                foreach (var part in ReadContent(message.Find("content")))
                {
                    Add(Role.User, part);
                }

                break;
            case "assistant":
                ReadAssistant(message);
                break;
            case "tool":
                AddResult(message.NeedText("tool_call_id"), message.PathOf("tool_call_id"), [.. ReadContent(message.Find("content"))]);
                break;
            case "function":
                var name = message.NeedText("name");
                AddResult(Unanswered(name) ?? name, message.PathOf("name"), [.. ReadContent(message.Find("content"))]);
                break;
            default:
                message.Find("role")?.Unknown("expected 'developer', 'system', 'user', 'assistant' or 'tool'.");
                break;
        }
    }

    private void ReadAssistant(RequestNode message)
    {
        var calls = message.Items("tool_calls").ToList();
        var signatures = calls.ConvertAll(ReadSignature);

        // Another provider's signature of its reasoning travels with the call after it.
        var ofReasoning = signatures.Find(static signature => signature is not null && !IsOfCalls(signature));
        var reasoning = (message.Find("reasoning_content") ?? message.Find("reasoning")) is { IsText: true } text ? text.Text : "";
        if (reasoning.Length > 0 || ofReasoning is not null)
        {
            Add(Role.Assistant, new ReasoningPart(reasoning, ofReasoning));
        }

        foreach (var part in ReadContent(message.Find("content")))
        {
            Add(Role.Assistant, part);
        }

        if (message.FindText("refusal") is { } refusal)
        {
            Add(Role.Assistant, new TextPart(refusal));
        }

        for (var i = 0; i < calls.Count; i++)
        {
            ReadCall(calls[i], signatures[i] is { } signature && IsOfCalls(signature) ? signature : null);
        }

        if (message.FindObject("function_call") is { } old)
        {
            // It has no id: what comes of it is told by its name.
            AddCall("call_" + message.Path["messages[".Length..^1], old.NeedText("name"), ReadArguments(old.Find("arguments")), null);
        }
    }

    private void ReadCall(RequestNode call, Signature? signature)
    {
        var id = call.NeedText("id");
        switch (call.FindText("type") ?? "function")
        {
            case "function" when call.FindObject("function") is { } function:
                AddCall(id, function.NeedText("name"), ReadArguments(function.Find("arguments")), signature);
                break;
            case "custom" when call.FindObject("custom") is { } custom:
                AddCall(id, custom.NeedText("name"), TextArguments(custom.NeedText("input")), signature);
                break;
            case "function" or "custom":
                call.NeedText(call.FindText("type") ?? "function");
                break;
            default:
                call.Find("type")?.Unknown("expected 'function' or 'custom'.");
                break;
        }
    }

    private static Signature? ReadSignature(RequestNode call) =>
        call.FindObject("extra_content")?.FindObject("google")?.FindText("thought_signature") is { Length: > 0 } text
            ? Signature.Read(text, WireFormats.Gemini)
            : null;

    /// <summary>Whether the provider signs the call itself, not the reasoning before it.</summary>
    private static bool IsOfCalls(Signature signature) => signature.Format is WireFormats.Gemini or WireFormats.Chat;

    protected override Part? ReadPart(RequestNode part)
    {
        switch (part.NeedText("type"))
        {
            case "text":
                return new TextPart(part.NeedText("text"));
            case "refusal":
                return new TextPart(part.NeedText("refusal"));
            case "image_url" when part.Find("image_url") is { } image:
                return image.IsObject
                    ? ReadImage(image.NeedText("url"), image.PathOf("url"), image.FindText("detail"))
                    : ReadImage(image.Text, image.Path, null);
            case "input_audio" when part.FindObject("input_audio") is { } audio:
                return ReadAudio(audio);
            case "file" when part.FindObject("file") is { } file:
                if (file.Find("file_id") is { } id)
                {
                    Note(Feature.ProviderHeldId, id.Path);
                    return null;
                }

                return ReadFile(file.NeedText("file_data"), file.PathOf("file_data"), file.FindText("filename"));
            case "image_url" or "input_audio" or "file":
                part.NeedText(part.FindText("type")!);
                return null;
            default:
                part.Find("type")?.Unknown("expected 'text', 'image_url', 'input_audio', 'file' or 'refusal'.");
                return null;
        }
    }

    private void ReadTool(RequestNode tool)
    {
        switch (tool.NeedText("type"))
        {
            case "function" when tool.FindObject("function") is { } function:
                AddTool(ReadFunction(function, function.NeedText("name")));
                break;
            case "custom" when tool.FindObject("custom") is { } custom:
                _textTools.Add(custom.NeedText("name"));
                AddTool(ReadTextTool(custom, custom.NeedText("name")));
                break;
            case "function" or "custom":
                tool.NeedText(tool.FindText("type")!);
                break;
            default:
                Note(Feature.ProviderTool, tool.PathOf("type"));
                break;
        }
    }

    private static ToolChoice ReadChoice(RequestNode root)
    {
        var choice = root.Find("tool_choice") ?? root.Find("function_call");
        switch (choice)
        {
            case null:
                return ToolChoice.Unsaid;
            case { IsText: true, Text: "auto" }:
                return new ToolChoice(ToolChoiceKind.Auto, []);
            case { IsText: true, Text: "none" }:
                return new ToolChoice(ToolChoiceKind.None, []);
            case { IsText: true, Text: "required" }:
                return new ToolChoice(ToolChoiceKind.Required, []);
            case { IsObject: true } named when named.Path == "function_call":
                return new ToolChoice(ToolChoiceKind.Named, [named.NeedText("name")]);
            case { IsObject: true } named when named.FindText("type") == "allowed_tools" && (named.FindObject("allowed_tools") ?? named) is var allowed:
                return new ToolChoice(
                    allowed.FindText("mode") == "required" ? ToolChoiceKind.Named : ToolChoiceKind.Auto,
                    [.. allowed.Items("tools").Select(NameOf)]);
            case { IsObject: true } named:
                return new ToolChoice(ToolChoiceKind.Named, [NameOf(named)]);
            case { } other:
                other.Unknown("expected 'auto', 'none', 'required' or a tool.");
                return ToolChoice.Unsaid;
        }
    }

    private static string NameOf(RequestNode tool) => (tool.FindObject("function") ?? tool.FindObject("custom") ?? tool).NeedText("name");

    private static IReadOnlyList<string> ReadStop(RequestNode? stop) => stop switch
    {
        null => [],
        { IsList: true } texts => [.. texts.Items().Select(static text => text.Text).Where(static text => text.Length > 0)],
        { } text => text.Text is { Length: > 0 } one ? [one] : [],
    };
}

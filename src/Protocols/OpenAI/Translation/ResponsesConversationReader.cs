using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.OpenAI.Responses;

namespace OrleansGateway.Protocols.OpenAI.Translation;

/// <summary>Reads a Responses request for translation.</summary>
internal sealed class ResponsesConversationReader : ConversationReader
{
    private readonly Dictionary<string, ResponsesTool> _tools = new(StringComparer.Ordinal);

    /// <summary>A signature that goes with the tool call after it.</summary>
    private Signature? _ofNextCall;

    /// <summary>The client's tools by their flat names.</summary>
    public IReadOnlyDictionary<string, ResponsesTool> Tools => _tools;

    protected override Conversation Read(RequestNode root)
    {
        AddSystem(root.FindText("instructions") ?? "");
        foreach (var tool in root.Items("tools"))
        {
            ReadTool(tool, null);
        }

        if (root.Find("input") is { IsText: true } text)
        {
            Add(Role.User, new TextPart(text.Text));
        }
        else
        {
            foreach (var item in root.Items("input"))
            {
                ReadItem(item);
            }
        }

        NoteFeatures(root);
        var reasoning = root.FindObject("reasoning");
        var form = root.FindObject("text");
        var conversation = Choose(Finish(root, reasoning?.FindText("effort"), "reasoning.effort"), ReadChoice(root.Find("tool_choice")));
        return conversation with
        {
            Reasoning = reasoning?.Find("summary") is null ? conversation.Reasoning
                : (conversation.Reasoning ?? new Reasoning(null)) with { IsShown = true },
            Verbosity = form?.FindText("verbosity"),
            Logprobs = ReadLogprobs(root),
            Format = form?.FindObject("format") is { } format ? ReadFormat(format, format) : null,
        };
    }

    private void NoteFeatures(RequestNode root)
    {
        NoteCommon(root);
        NoteIfThere(root, "context_management", Feature.ContextManagement);
        if (root.Find("truncation") is { IsText: true, Text: "auto" } truncation)
        {
            Note(Feature.ContextManagement, truncation.Path);
        }

        foreach (var included in root.Items("include"))
        {
            if (included.Text == "message.output_text.logprobs")
            {
                Note(Feature.Logprobs, included.Path);
            }
        }

        if (root.FindObject("text")?.Find("verbosity") is { } verbosity)
        {
            Note(Feature.Verbosity, verbosity.Path);
        }
    }

    private void ReadItem(RequestNode item)
    {
        switch (item.FindText("type") ?? "message")
        {
            case "message":
                ReadMessage(item);
                break;
            case "reasoning":
                ReadReasoning(item);
                break;
            case "function_call":
                ReadCall(item, ReadArguments(item.Find("arguments")));
                break;
            case "custom_tool_call":
                ReadCall(item, TextArguments(item.NeedText("input")));
                break;
            case "function_call_output" or "custom_tool_call_output":
                ReadResult(item);
                break;
            case "additional_tools":
                foreach (var tool in item.Items("tools"))
                {
                    ReadTool(tool, null);
                }

                break;
            case "configuration_update":
                // How the client's own provider is to run what follows.
                break;
            default:
                Note(Feature.ProviderTool, item.PathOf("type"));
                break;
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
                foreach (var part in ReadContent(message.Find("content")))
                {
                    Add(Role.Assistant, part);
                }

                break;
            default:
                message.Find("role")?.Unknown("expected 'developer', 'system', 'user' or 'assistant'.");
                break;
        }
    }

    private void ReadReasoning(RequestNode item)
    {
        var text = string.Join("\n\n", item.Items("summary").Concat(item.Items("content")).Select(static part => part.FindText("text") ?? ""));
        var signature = item.FindText("encrypted_content") is { Length: > 0 } encrypted ? Signature.Read(encrypted, WireFormats.Responses) : null;
        if (text.Length == 0 && signature is { Format: WireFormats.Gemini or WireFormats.Chat })
        {
            // It proves the call that it was made with, whichever the client keeps first.
            if (LastCall is { Signature: null } call)
            {
                ReplaceLastCall(call with { Signature = signature });
            }
            else
            {
                _ofNextCall = signature;
            }

            return;
        }

        if (signature?.Value.StartsWith(ResponsesAnswerWriter.HiddenMark) == true)
        {
            Add(Role.Assistant, new ReasoningPart("", signature with { Value = signature.Value[1..] }, IsHidden: true));
        }
        else if (text.Length > 0 || signature is not null)
        {
            Add(Role.Assistant, new ReasoningPart(text, signature));
        }
    }

    private void ReadCall(RequestNode item, string arguments)
    {
        AddCall(item.NeedText("call_id"), ResponsesTool.FlatName(item.FindText("namespace"), item.NeedText("name")), arguments, _ofNextCall);
        _ofNextCall = null;
    }

    private void ReadResult(RequestNode item)
    {
        // Some clients' automations name the tool in place of the call.
        var id = item.FindText("call_id")
            ?? (item.FindText("name") is { } name ? Unanswered(ResponsesTool.FlatName(item.FindText("namespace"), name)) : null)
            ?? item.NeedText("call_id");
        AddResult(id, item.PathOf("call_id"), [.. ReadContent(item.Find("output"))]);
    }

    protected override Part? ReadPart(RequestNode part)
    {
        switch (part.NeedText("type"))
        {
            case "input_text" or "output_text" or "text" or "summary_text":
                return new TextPart(part.NeedText("text"));
            case "refusal":
                return new TextPart(part.NeedText("refusal"));
            case "input_image":
                return ReadImage(part.NeedText("image_url"), part.PathOf("image_url"), part.FindText("detail"));
            case "input_file" when part.Find("file_url") is { } address:
                Note(Feature.DocumentUrl, address.Path);
                return new MediaPart(MediaKind.Document, null, null, address.Text) { FileName = part.FindText("filename") };
            case "input_file":
                return ReadFile(part.NeedText("file_data"), part.PathOf("file_data"), part.FindText("filename"));
            case "input_audio" when part.FindObject("input_audio") is { } audio:
                return ReadAudio(audio);
            default:
                part.Find("type")?.Unknown("expected 'input_text', 'output_text', 'input_image', 'input_file', 'input_audio' or 'refusal'.");
                return null;
        }
    }

    private void ReadTool(RequestNode tool, string? inNamespace)
    {
        var type = tool.NeedText("type");
        switch (type)
        {
            case "function" or "custom":
                var name = tool.NeedText("name");
                var flat = ResponsesTool.FlatName(inNamespace, name);
                _tools[flat] = new ResponsesTool(inNamespace, name, type == "custom");
                AddTool(type == "custom" ? ReadTextTool(tool, flat) : ReadFunction(tool, flat));
                break;
            case "namespace":
                foreach (var inside in tool.Items("tools"))
                {
                    ReadTool(inside, tool.NeedText("name"));
                }

                break;
            default:
                Note(Feature.ProviderTool, tool.PathOf("type"));
                break;
        }
    }

    private ToolChoice ReadChoice(RequestNode? choice)
    {
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
            case { IsObject: true } named when named.FindText("type") is "function" or "custom":
                return new ToolChoice(ToolChoiceKind.Named, [FlatNameOf(named)]);
            case { IsObject: true } named when named.FindText("type") == "allowed_tools":
                return new ToolChoice(
                    named.FindText("mode") == "required" ? ToolChoiceKind.Named : ToolChoiceKind.Auto,
                    [.. named.Items("tools").Where(static tool => tool.FindText("type") is "function" or "custom").Select(FlatNameOf)]);
            case { IsObject: true } hosted:
                Note(Feature.ProviderTool, hosted.Path);
                return ToolChoice.Unsaid;
            case { } other:
                other.Unknown("expected 'auto', 'none', 'required' or a tool.");
                return ToolChoice.Unsaid;
        }
    }

    private static string FlatNameOf(RequestNode tool) => ResponsesTool.FlatName(tool.FindText("namespace"), tool.NeedText("name"));
}
